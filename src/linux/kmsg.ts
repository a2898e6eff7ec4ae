/**
 * The kernel's log, record by record: /dev/kmsg (Documentation/ABI/testing/dev-kmsg).
 * @module
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import type { FileWatch, Runtime } from "../runtime/types.ts";
import { type Libc, requireSymbol } from "./libc.ts";

/** The device. */
export const KERNEL_LOG = "/dev/kmsg";
/** The longest record that the kernel gives (PRINTK_MESSAGE_MAX) is 2048. */
const RECORD_BYTES = 8192;
const SEEK_END = 2;
/** errno(3): nothing new; records were overwritten before they were read */
const EAGAIN = 11;
const EPIPE = 32;

const COMMA = 44;
const DIGIT_0 = 48;
const SEMICOLON = 59;
const LINE_END = 10;

/** New records since a moment, in order. */
export interface KernelLog {
  /** Passes over all that there is. */
  skip(): void;
  /**
   * Reads what is new, up to this message of the kernel's own; `lost` where the
   * kernel overwrote some of it before it was read.
   */
  find(message: KernelMessage): {
    readonly found: boolean;
    readonly lost: boolean;
  };
  close(): void;
}

/** A whole message, to look for. */
export type KernelMessage = Uint8Array;

/** The message as the log has it: ASCII. */
export function kernelMessage(text: string): KernelMessage {
  return new TextEncoder().encode(text);
}

/**
 * Whether a record of so many bytes is this message, whole, by the kernel itself:
 * `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];MESSAGE`, then lines of a
 * dictionary. Facility 0 is the kernel, and whoever writes to the log cannot
 * claim that one; line ends within a message are escaped. Byte by byte: a host
 * waits for the answer, and to make strings costs four times as much after a
 * restore, when all code runs for the first time.
 */
export function isFromKernel(
  message: KernelMessage,
  record: Uint8Array,
  length: number,
): boolean {
  let at = 0;
  let priority = 0;
  for (; at < length && record[at] !== COMMA; at++) {
    const digit = record[at] - DIGIT_0;
    if (digit < 0 || digit > 9) return false;
    priority = priority * 10 + digit;
  }
  // the priority is facility * 8 + level
  if (at === 0 || priority > 7) return false;
  while (at < length && record[at] !== SEMICOLON) at++;
  at++;
  for (let i = 0; i < message.length; i++) {
    if (record[at + i] !== message[i]) return false;
  }
  at += message.length;
  return at === length || (at < length && record[at] === LINE_END);
}

/** Opens the log; throws where this process may not read it (CAP_SYSLOG). */
export function openKernelLog(libc: Libc, path = KERNEL_LOG): KernelLog {
  const log = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = new Uint8Array(RECORD_BYTES);
  function find(message: KernelMessage) {
    let lost = false;
    for (;;) {
      const count = readRecord(libc, log, buffer);
      if (count === "none") return { found: false, lost };
      if (count === "lost") lost = true;
      else if (isFromKernel(message, buffer, count)) {
        return { found: true, lost };
      }
    }
  }
  function skip() {
    if (libc.lseek !== undefined) libc.lseek(log, 0n, SEEK_END);
    // reads all of it, which takes longer
    else while (readRecord(libc, log, buffer) !== "none");
  }
  return { skip, find, close: () => closeSync(log) };
}

/**
 * Tells of new records without polling: nothing at all happens until the kernel
 * says something. The read under way cannot be cancelled: it lasts until the
 * next record or the end of the process, and it keeps the event loop alive.
 */
export class KernelLogWatch {
  readonly #libc: Libc;
  readonly #onRecord: () => void;
  readonly #onError: (error: Error) => void;
  readonly #open: () => FileWatch;
  #log: FileWatch | undefined;
  #armed = false;
  #pending = false;
  /** How often a record woke this process. */
  wakes = 0;

  constructor(options: {
    readonly libc: Libc;
    readonly runtime: Pick<Runtime, "openWatch">;
    /** Something is new; what, {@linkcode KernelLog.find} knows. */
    readonly onRecord: () => void;
    /** The watch has ended by itself. */
    readonly onError: (error: Error) => void;
    readonly path?: string;
  }) {
    this.#libc = options.libc;
    this.#onRecord = options.onRecord;
    this.#onError = options.onError;
    const { runtime, path = KERNEL_LOG } = options;
    this.#open = () => runtime.openWatch(path);
  }

  /** Tells of every record from now on; throws where that is not possible. */
  arm(): void {
    this.#armed = true;
    if (this.#pending) return; // still waits, behind the last record there is
    this.#log ??= this.#open();
    requireSymbol(this.#libc.lseek, "lseek")(this.#log.fd, 0n, SEEK_END);
    this.#begin(this.#log);
  }

  /** Tells nothing from now on; the next record still ends the read. */
  disarm(): void {
    this.#armed = false;
  }

  /** No caller waits for the next record: what goes wrong with it ends the watch. */
  #begin(log: FileWatch): void {
    this.#wait(log).catch(this.#onError);
  }

  async #wait(log: FileWatch): Promise<void> {
    this.#pending = true;
    let failure: Error | undefined;
    try {
      await log.next();
    } catch (error) {
      // EPIPE: records were overwritten before they were read. They were new.
      if (errorCode(error) !== "EPIPE") failure = error as Error;
    }
    this.#pending = false;
    if (!this.#armed) return;
    if (failure !== undefined) return this.#onError(failure);
    this.wakes++;
    this.#onRecord();
    // Whoever has heard enough is spared the next read: a fork's first reply would
    // wait for it. No record is missed: this descriptor stands behind the last one.
    if (this.#armed && !this.#pending) this.#begin(log);
  }
}

function readRecord(
  libc: Libc,
  log: number,
  buffer: Uint8Array,
): number | "none" | "lost" {
  if (libc.read !== undefined) {
    const count = libc.read(log, buffer, BigInt(buffer.length));
    if (count >= 0) return count;
    const errno = libc.errno?.();
    if (errno === EAGAIN) return "none";
    if (errno === EPIPE) return "lost";
  }
  // Without a libc, and where it failed for another reason: told in words.
  try {
    return readSync(log, buffer, 0, buffer.length, null);
  } catch (error) {
    const code = errorCode(error);
    if (code === "EAGAIN") return "none";
    if (code === "EPIPE") return "lost";
    throw error;
  }
}

function errorCode(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
