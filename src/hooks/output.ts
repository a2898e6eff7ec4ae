/**
 * The output of hooks. Output may contain secrets. Only the log and the caller of
 * the operation get it: results of hooks have it under a symbol, which JSON omits,
 * and only {@linkcode withOutput} makes it visible.
 * @module
 */

/** Maximum bytes of output that are stored for each call of a hook. */
export const OUTPUT_BYTES = 4096;

/** The property of a result that contains the output of its hook. */
export const OUTPUT: unique symbol = Symbol("output of a hook");

/**
 * Copies a report and adds `output` to each result of a hook. For the reply to the
 * caller of the operation only.
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

/** Collects output up to a maximum size, and counts the bytes beyond it. */
export class Output {
  readonly #maxBytes: number;
  readonly #bytes: Uint8Array;
  #length = 0;
  #dropped = 0;

  constructor(maxBytes = OUTPUT_BYTES) {
    this.#maxBytes = maxBytes;
    this.#bytes = new Uint8Array(maxBytes);
  }

  /** Adds bytes; drops those that exceed the maximum. */
  add(bytes: Uint8Array): void {
    const fits = bytes.subarray(0, this.#maxBytes - this.#length);
    this.#bytes.set(fits, this.#length);
    this.#length += fits.length;
    this.#dropped += bytes.length - fits.length;
  }

  /** The output as text, with a note if it was truncated; undefined if it is empty. */
  get text(): string | undefined {
    if (this.#length === 0) return undefined;
    const text = new TextDecoder().decode(
      this.#bytes.subarray(0, this.#length),
    );
    return this.#dropped === 0
      ? text.trimEnd()
      : `${text}... (truncated, ${this.#dropped} bytes more)`;
  }
}
