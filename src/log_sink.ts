/**
 * Log lines on their way, which waits for nobody who reads them.
 * @module
 */
import { clearTimeout, setTimeout } from "./timers.ts";

/** How many lines are kept that cannot be written yet; the oldest go first. */
const MOST = 1000;
/** Milliseconds until it is tried again to write them. */
const AGAIN_MS = 100;

/**
 * Writes what there is room for and gives how much that was; undefined where there
 * is none now. Fails where there never will be.
 */
export type Write = (bytes: Uint8Array<ArrayBuffer>) => number | undefined;

/** What is being written. */
interface Piece {
  bytes: Uint8Array<ArrayBuffer>;
  /** How many lines are lost where it cannot be. */
  readonly lines: number;
}

/**
 * Writes lines. They wait while they are held, and while nobody reads: a console
 * that a restore left dead would stop the agent for good.
 */
export class LogSink {
  readonly #write: Write;
  readonly #lines: string[] = [];
  #piece: Piece | undefined;
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
      for (let piece; (piece = this.#piece ??= this.#next()) !== undefined;) {
        const written = this.#write(piece.bytes);
        if (written === undefined) {
          this.#timer = setTimeout(() => this.#drain(), AGAIN_MS);
          return;
        }
        piece.bytes = piece.bytes.subarray(written);
        if (piece.bytes.length === 0) this.#piece = undefined;
      }
    } catch {
      // A closed pipe must not end the agent; the next line tells.
      this.#lost += (this.#piece?.lines ?? 0) + this.#lines.length;
      this.#piece = undefined;
      this.#lines.length = 0;
    }
  }

  #next(): Piece | undefined {
    if (this.#lost > 0 && this.#lines.length > 0) {
      const lines = this.#lost;
      this.#lost = 0;
      const told = `(${lines} log lines were lost before this one)\n`;
      return { bytes: encoder.encode(told), lines };
    }
    const line = this.#lines.shift();
    return line === undefined
      ? undefined
      : { bytes: encoder.encode(line), lines: 1 };
  }
}

const encoder = new TextEncoder();
