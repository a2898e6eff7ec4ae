/**
 * Log lines on their way, which waits for nobody who reads them.
 * @module
 */

/** How many lines are kept that cannot be written yet; the oldest go first. */
const MOST = 1000;
/** Milliseconds until it is tried again to write them. */
const AGAIN_MS = 100;

/**
 * Writes what there is room for and gives how much that was; undefined where there
 * is none now. Fails where there never will be.
 */
export type Write = (bytes: Uint8Array<ArrayBuffer>) => number | undefined;

/**
 * Writes lines. They wait while they are held, and while nobody reads: a console
 * that a restore left dead would stop the agent for good.
 */
export class LogSink {
  readonly #write: Write;
  readonly #lines: string[] = [];
  /** What is being written; no object with what follows, which V8 would forget. */
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  /** How many lines are lost where it cannot be. */
  #stakes = 0;
  #lost = 0;
  #held = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Writes a line as soon as it can; never fails. */
  write(line: string): void {
    this.#lines.push(`${line}\n`);
    if (this.#lines.length > MOST) {
      this.#lines.shift();
      this.#lost++;
    }
    if (!this.#held && this.#timer === undefined) this.#drain();
  }

  /** Keeps lines in memory until {@linkcode release}, without a timer. */
  hold(): void {
    this.#held = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Writes what was held back. */
  release(): void {
    this.#held = false;
    if (this.#timer === undefined) this.#drain();
  }

  #drain(): void {
    this.#timer = undefined;
    try {
      for (let bytes; (bytes = this.#bytes ??= this.#next()) !== undefined;) {
        const written = this.#write(bytes);
        if (written === undefined) {
          this.#timer = setTimeout(() => this.#drain(), AGAIN_MS);
          return;
        }
        this.#bytes = written < bytes.length
          ? bytes.subarray(written)
          : undefined;
      }
    } catch {
      // A closed pipe must not end the agent; the next line tells.
      this.#lost += this.#stakes + this.#lines.length;
      this.#bytes = undefined;
      this.#lines.length = 0;
    }
  }

  /** The bytes of what comes next, if anything does. */
  #next(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#lost > 0 && this.#lines.length > 0) {
      this.#stakes = this.#lost;
      this.#lost = 0;
      return encoder.encode(
        `(${this.#stakes} log lines were lost before this one)\n`,
      );
    }
    this.#stakes = 1;
    const line = this.#lines.shift();
    return line === undefined ? undefined : encoder.encode(line);
  }
}

const encoder = new TextEncoder();
