/**
 * Histograms of durations, for OpenMetrics.
 * @module
 */

/** The upper bounds of the buckets, in seconds: from one step to the longest hooks. */
const BOUNDS: readonly number[] = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60],
];

/** The labels of one series. The values must be of a set that does not grow. */
export type Labels = Readonly<Record<string, string>>;

/** One series: the number of durations in each bucket, the last one for all longer ones. */
interface Series {
  readonly buckets: Uint32Array;
  sum: number;
}

/** A histogram with one series for each set of labels. */
export class Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #series = new Map<string, Series>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  /** Counts a duration in milliseconds. */
  observe(labels: Labels, ms: number): void {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { buckets: new Uint32Array(BOUNDS.length + 1), sum: 0 };
      this.#series.set(key, series);
    }
    const seconds = ms / 1000;
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    series.buckets[at < 0 ? BOUNDS.length : at]++;
    series.sum += seconds;
  }

  /** The lines of its family; the buckets are cumulative. */
  lines(): string[] {
    const name = this.#name;
    return [
      `# TYPE ${name} histogram`,
      `# UNIT ${name} seconds`,
      `# HELP ${name} ${this.#help}`,
      ...[...this.#series].flatMap(([labels, { buckets, sum }]) => {
        let count = 0;
        const comma = labels === "" ? "" : ",";
        return [
          ...Array.from(buckets, (inBucket, i) => {
            count += inBucket;
            return `${name}_bucket{${labels}${comma}le="${le(i)}"} ${count}`;
          }),
          `${name}_count{${labels}} ${count}`,
          `${name}_sum{${labels}} ${sum}`,
        ];
      }),
    ];
  }
}

/** The text of labels between the braces. Their values need no escapes. */
export function labelText(labels: Labels): string {
  return Object.entries(labels).map(([key, value]) => `${key}="${value}"`)
    .join();
}

/** The bound of a bucket, as OpenMetrics writes it: with a decimal point. */
function le(bucket: number): string {
  const bound = BOUNDS[bucket];
  if (bound === undefined) return "+Inf";
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}
