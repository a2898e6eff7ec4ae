/**
 * What a hook says. It may be a secret, so it goes into the log and to the
 * caller of that operation, nowhere else: results of hooks carry it under a
 * symbol, which JSON leaves out. Only {@linkcode withOutput} makes it visible.
 * @module
 */

/** Bytes of output that are kept, for each call of a hook. */
export const OUTPUT_BYTES = 4096;

/** The property of a result that holds what its hook said. */
export const OUTPUT: unique symbol = Symbol("output of a hook");

/**
 * A copy of a report in which each result of a hook has its `output`. For the
 * reply to the caller that the operation belongs to.
 */
export function withOutput<T>(report: T): T {
  if (Array.isArray(report)) return report.map(withOutput) as T;
  if (typeof report !== "object" || report === null) return report;
  if (Object.getPrototypeOf(report) !== Object.prototype) return report;
  const copy = Object.fromEntries(
    Object.entries(report).map(([name, value]) => [name, withOutput(value)]),
  );
  const { [OUTPUT]: output } = report as { [OUTPUT]?: string };
  if (output !== undefined) copy.output = output;
  return copy as T;
}

/** Collects output up to a cap. */
export class Output {
  readonly #cap: number;
  readonly #kept: Uint8Array;
  #length = 0;
  #dropped = 0;

  constructor(cap = OUTPUT_BYTES) {
    this.#cap = cap;
    this.#kept = new Uint8Array(cap);
  }

  add(bytes: Uint8Array): void {
    const fits = bytes.subarray(0, this.#cap - this.#length);
    this.#kept.set(fits, this.#length);
    this.#length += fits.length;
    this.#dropped += bytes.length - fits.length;
  }

  /** The text, saying so where it was cut; undefined where there was none. */
  get text(): string | undefined {
    if (this.#length === 0) return undefined;
    const text = new TextDecoder().decode(
      this.#kept.subarray(0, this.#length),
    );
    return this.#dropped === 0
      ? text.trimEnd()
      : `${text}... (truncated, ${this.#dropped} bytes more)`;
  }
}
