/**
 * Keeps the beginning of what a hook says, and counts the rest.
 * @module
 */

/** Bytes of output that go into the report, for each call of a hook. */
export const OUTPUT_BYTES = 4096;

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
