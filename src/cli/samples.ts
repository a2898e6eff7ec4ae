/**
 * Reads the samples of OpenMetrics text.
 * @module
 */

/** One sample of the metrics: a value with its name and its labels. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** The samples of the text, without the comments. */
export function samplesOf(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) return [];
    return [{
      name,
      labels: Object.fromEntries(
        [...labels.matchAll(LABEL)].map(([, key, text]) => [key, text]),
      ),
      value: Number(value),
    }];
  });
}
