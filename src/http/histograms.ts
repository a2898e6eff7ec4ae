/**
 * Histograms of durations, one for each set of label values, as OpenMetrics text.
 * @module
 */

/**
 * The upper bounds of the buckets, in seconds. 5 and 20 ms are the times in which a prepare of kind
 * `diff` should reply and settle.
 */
const BOUNDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10] as const;
/** The places of a histogram's values: the buckets, the bucket above the last bound, the sum. */
const ABOVE = BOUNDS.length;
const SUM = ABOVE + 1;

/** The texts of the bounds: OpenMetrics writes them as floating-point numbers. */
const BOUND_TEXTS = [
  ...BOUNDS.map((bound) => Number.isInteger(bound) ? `${bound}.0` : `${bound}`),
  "+Inf",
];

/** The histograms of one metric. */
export class Histograms {
  /** The values of each histogram, by its labels as text. */
  readonly #histograms = new Map<string, Float64Array>();

  /**
   * Adds a duration. The labels are text of the form `kind="full"`; each of their values must come
   * from a fixed set, because a histogram is never removed.
   */
  add(labels: string, ms: number): void {
    let values = this.#histograms.get(labels);
    if (values === undefined) {
      values = new Float64Array(SUM + 1);
      this.#histograms.set(labels, values);
    }
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < ABOVE && seconds > BOUNDS[bucket]) bucket++;
    values[bucket]++;
    values[SUM] += seconds;
  }

  /** The samples: a suffix of the metric's name with the labels, and a value. */
  samples(): (readonly [string, number])[] {
    return [...this.#histograms].flatMap(([labels, values]) => {
      let count = 0;
      const buckets = BOUND_TEXTS.map((bound, bucket) => {
        count += values[bucket];
        return [`_bucket{${labels},le="${bound}"}`, count] as const;
      });
      return [
        ...buckets,
        [`_count{${labels}}`, count] as const,
        [`_sum{${labels}}`, values[SUM]] as const,
      ];
    });
  }
}
