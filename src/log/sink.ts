/**
 * Queues log lines; a blocked stderr never blocks the agent.
 * @module
 */

/** Maximum number of queued lines; beyond it, the oldest line is dropped. */
const MAX_LINES = 1000;
/** Milliseconds after which a blocked write is tried again. */
const RETRY_MS = 100;

/**
 * Writes as many bytes as possible without blocking, and returns their number;
 * undefined if none can be written now. Throws if writing fails for good.
 */
export type Write = (bytes: Uint8Array<ArrayBuffer>) => number | undefined;

/**
 * A queue of log lines. Lines wait while the queue is held, and while stderr is
 * blocked: a console that does not work after a restore would otherwise block the
 * agent forever.
 */
export class LogSink {
  readonly #write: Write;
  readonly #lines: string[] = [];
  /** The rest of the line that is being written. */
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Lines that are lost if `#bytes` cannot be written. */
  #atRisk = 0;
  /** Lines that were dropped and are not reported yet. */
  #lost = 0;
  #held = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Queues a line and writes it as soon as possible. Never throws. */
  write(line: string): void {
    this.#lines.push(`${line}\n`);
    if (this.#lines.length > MAX_LINES) {
      this.#lines.shift();
      this.#lost++;
    }
    if (!this.#held && this.#timer === undefined) this.#drain();
  }

  /** Stores lines in memory until {@linkcode release}, without a timer. */
  hold(): void {
    this.#held = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Writes the stored lines. */
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
          this.#timer = setTimeout(() => this.#drain(), RETRY_MS);
          return;
        }
        this.#bytes = written < bytes.length
          ? bytes.subarray(written)
          : undefined;
      }
    } catch {
      // A closed pipe must not end the agent. The next line reports the loss.
      this.#lost += this.#atRisk + this.#lines.length;
      this.#bytes = undefined;
      this.#lines.length = 0;
    }
  }

  /** The bytes of the next line, undefined if there is none. */
  #next(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#lost > 0 && this.#lines.length > 0) {
      this.#atRisk = this.#lost;
      this.#lost = 0;
      return encoder.encode(
        `(${this.#atRisk} log lines were lost before this one)\n`,
      );
    }
    this.#atRisk = 1;
    const line = this.#lines.shift();
    return line === undefined ? undefined : encoder.encode(line);
  }
}

const encoder = new TextEncoder();
