/**
 * Waits for addresses that the machine does not have yet: DHCP, an interface that comes up late,
 * or an IPv6 address that is still tentative.
 * @module
 */
import type { ListenAddress } from "../runtime/types.ts";

/**
 * Milliseconds to the first try after the start and after each recovery, which may have configured
 * the address. The pauses double up to the longest one: a try takes some 50 µs, and callers wait for
 * a new address no longer than the longest pause.
 */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2000;

interface AddressWaitOptions {
  /** Tries to listen; false if the machine still does not have the address. */
  readonly tryToListen: (at: ListenAddress) => Promise<boolean>;
  /** Gets the error of a try; an error with the same reason as the one before is not repeated. */
  readonly onError: (error: unknown) => void;
}

/** Tries again, with growing pauses, while an address is missing and the guest is not quiesced. */
export class AddressWait {
  readonly #options: AddressWaitOptions;
  #missing: readonly ListenAddress[] = [];
  #paused = false;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reported: string | undefined;

  constructor(options: AddressWaitOptions) {
    this.#options = options;
  }

  /** The addresses that are missing. */
  get missing(): readonly ListenAddress[] {
    return this.#missing;
  }

  /** Adds an address to wait for. */
  add(at: ListenAddress): void {
    this.#missing = [...this.#missing, at];
    this.#schedule();
  }

  /** Replaces addresses that the machine will not have; returns their replacements. */
  move(moves: ReadonlyMap<string, string>): readonly ListenAddress[] {
    const moved: ListenAddress[] = [];
    this.#missing = this.#missing.map((at) => {
      const host = "host" in at ? moves.get(at.host) : undefined;
      if (host === undefined) return at;
      const to = { ...at, host } as ListenAddress;
      moved.push(to);
      return to;
    });
    return moved;
  }

  /** Stops the timer until {@linkcode resume}, because a timer would wake a quiesced guest. */
  pause(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Waits again, beginning with the first pause. */
  resume(): void {
    this.#paused = false;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#schedule();
  }

  /** Forgets all addresses. */
  stop(): void {
    this.pause();
    this.#missing = [];
  }

  #schedule(): void {
    const waits = this.#missing.length > 0 && !this.#paused;
    if (!waits || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tryAll().catch(this.#options.onError);
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  async #tryAll(): Promise<void> {
    for (const at of this.#missing) {
      if (!await this.#try(at)) continue;
      this.#missing = this.#missing.filter((one) => one !== at);
    }
    this.#schedule();
  }

  async #try(at: ListenAddress): Promise<boolean> {
    try {
      return await this.#options.tryToListen(at);
    } catch (error) {
      const reason = String(error);
      if (reason !== this.#reported) this.#options.onError(error);
      this.#reported = reason;
      return false;
    }
  }
}
