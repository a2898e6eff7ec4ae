/**
 * The port over which the host talks: a character device of virtio-serial, or a terminal. Its driver
 * sends a signal when something happens. A poll would return at once, again and again, while no host
 * is connected; the signal comes once.
 * @module
 */
import { closeSync } from "node:fs";
import process from "node:process";
import { type Libc, requireSymbol } from "../../linux/libc.ts";
import { IO_SIGNAL, openWithSignals } from "../../linux/signal_io.ts";
import { errorText } from "../../util/errors.ts";
import { portDevice } from "../../linux/virtio_port.ts";

/** Milliseconds between two attempts to open a port that is not there. */
const OPEN_EVERY_MS = 1000;
/**
 * Milliseconds after which an open port is read without a signal: a port that is unplugged sends its
 * signal just before it is gone, and a terminal sends none at its end.
 */
const READ_EVERY_MS = 2000;
/** Milliseconds between two attempts to write to a port whose host does not read. */
const WRITE_EVERY_MS = 20;
/** Bytes that wait for such a host at most; more are dropped. */
const MAX_WAITING = 1 << 20;
const EAGAIN = 11;

/** What a port needs. */
export interface PortOptions {
  readonly path: string;
  readonly libc: Libc;
  readonly onBytes: (bytes: Uint8Array) => void;
  /** The host has closed its end, or the port has gone. */
  readonly onHostGone: () => void;
  /** Gets what happens, for the log. */
  readonly say: (message: string, fields: Record<string, unknown>) => void;
}

/** A port that is opened as soon as it is there, and again after it was gone. */
export class Port {
  readonly #options: PortOptions;
  readonly #buffer = new Uint8Array(16_384);
  readonly #onSignal = () => this.#read();
  #fd: number | undefined;
  #connected = false;
  #waiting: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writeTimer: ReturnType<typeof setTimeout> | undefined;
  #paused = false;
  #ended = false;
  /** The last reason why the port could not be opened: each is said once. */
  #why: string | undefined;

  constructor(options: PortOptions) {
    this.#options = options;
  }

  /** Opens the port, now or as soon as it is there. */
  start(): void {
    process.on(IO_SIGNAL, this.#onSignal);
    this.#open();
  }

  /** Sends bytes. They are dropped if the host goes away. */
  send(bytes: Uint8Array): void {
    const waiting = this.#waiting.reduce((sum, { length }) => sum + length, 0);
    if (waiting + bytes.length > MAX_WAITING) return;
    this.#waiting.push(bytes);
    this.#write();
  }

  /** Stops looking for the port: the guest is quiesced. A port that is open stays so. */
  pause(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  /** Looks for the port again. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#look();
  }

  /** Closes the port. */
  end(): void {
    this.#ended = true;
    process.off(IO_SIGNAL, this.#onSignal);
    this.#close();
    clearTimeout(this.#timer);
  }

  #open(): void {
    const { path, libc, say } = this.#options;
    const device = portDevice(path);
    try {
      this.#fd = openWithSignals(libc, device);
    } catch (error) {
      const why = errorText(error);
      if (why !== this.#why) say("waiting for the port", { path, why });
      this.#why = why;
      return this.#after(OPEN_EVERY_MS);
    }
    this.#why = undefined;
    say("the port is open", { path, device });
    // Whatever came before the first signal.
    this.#look();
  }

  /** Opens the port, or reads it, and does so again later. */
  #look(): void {
    if (this.#fd === undefined) return this.#open();
    this.#read();
    if (this.#fd !== undefined) this.#after(READ_EVERY_MS);
  }

  /** Reads until the port has nothing more. */
  #read(): void {
    const { libc, onBytes } = this.#options;
    while (this.#fd !== undefined) {
      const size = BigInt(this.#buffer.length);
      const count = requireSymbol(libc, "read")(this.#fd, this.#buffer, size);
      if (count > 0) {
        this.#connected = true;
        onBytes(this.#buffer.slice(0, count));
      } else if (count === 0) return this.#endOfInput(this.#fd);
      else if (libc.errno?.() === EAGAIN) {
        this.#connected = true;
        return;
      } else return this.#lost();
    }
  }

  /**
   * No host is connected; the driver sends a signal when one is. A terminal whose other end was closed
   * reads the same for ever, but a write to it fails.
   */
  #endOfInput(fd: number): void {
    const { libc } = this.#options;
    const nothing = requireSymbol(libc, "write")(fd, this.#buffer, 0n);
    if (nothing === -1 && libc.errno?.() !== EAGAIN) return this.#lost();
    this.#waiting = [];
    if (!this.#connected) return;
    this.#connected = false;
    this.#options.onHostGone();
  }

  /** The port is gone, or its other end was a terminal that was closed. */
  #lost(): void {
    const { path, onHostGone, say } = this.#options;
    this.#close();
    onHostGone();
    say("the port is gone", { path });
    this.#after(OPEN_EVERY_MS);
  }

  #close(): void {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    this.#waiting = [];
    this.#connected = false;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #write(): void {
    if (this.#fd === undefined) this.#waiting = [];
    while (this.#fd !== undefined && this.#waiting.length > 0) {
      const [bytes, ...rest] = this.#waiting;
      const sent = this.#trySend(this.#fd, bytes);
      if (sent === undefined) return;
      this.#waiting = sent === bytes.length
        ? rest
        : [bytes.subarray(sent), ...rest];
    }
  }

  /** Returns the bytes that were sent; undefined if the port takes none now. */
  #trySend(fd: number, bytes: Uint8Array): number | undefined {
    const { libc } = this.#options;
    const size = BigInt(bytes.length);
    const sent = requireSymbol(libc, "write")(fd, bytes, size);
    if (sent >= 0) return sent;
    if (libc.errno?.() !== EAGAIN) this.#lost();
    // The driver sends no signal when there is room again.
    else {
      this.#writeTimer ??= setTimeout(() => {
        this.#writeTimer = undefined;
        this.#write();
      }, WRITE_EVERY_MS);
    }
    return undefined;
  }

  #after(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#paused || this.#ended) return;
    this.#timer = setTimeout(() => this.#look(), ms);
  }
}
