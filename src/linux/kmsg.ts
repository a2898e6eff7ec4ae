/**
 * Reads and watches the kernel log: /dev/kmsg (Documentation/ABI/testing/dev-kmsg).
 * @module
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { hasCode } from "../util/errors.ts";
import type { FileWatch, Runtime } from "../runtime/types.ts";
import { type Libc, requireSymbol } from "./libc.ts";

/** The device of the kernel log. */
export const KERNEL_LOG = "/dev/kmsg";
/** More than the bytes of the longest record, which is 2048 (PRINTK_MESSAGE_MAX). */
const RECORD_BYTES = 8192;
const SEEK_END = 2;
/** errno(3): there is no new record; records were overwritten before they were read. */
const EAGAIN = 11;
const EPIPE = 32;

const decoder = new TextDecoder("latin1");

/** The records since the last read, in order. */
export interface KernelLog {
  /** Skips all records that are in the log now. */
  skip(): void;
  /**
   * Reads new records up to this message of the kernel itself. `lost`: the kernel overwrote records
   * before they were read.
   */
  find(message: string): {
    readonly found: boolean;
    readonly lost: boolean;
  };
  close(): void;
}

/**
 * Whether a record of this many bytes holds exactly this message, and the kernel itself wrote it.
 * A record is `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];MESSAGE`, then lines of a dictionary.
 * The priority is facility * 8 + level. Facility 0 is the kernel: a program that writes to the
 * log cannot claim it. The kernel escapes line ends within a message.
 *
 * No regular expression: a collection drops the code of all regular expressions, and each fork would
 * compile this one again before its first reply, which touches about 100 pages (a trace of one fork).
 */
export function isFromKernel(
  message: string,
  record: Uint8Array,
  length: number,
): boolean {
  const text = decoder.decode(record.subarray(0, length));
  const priority = text.slice(0, text.indexOf(","));
  if (priority !== String(Number(priority)) || Number(priority) > 7) {
    return false;
  }
  const begin = text.indexOf(";") + 1;
  const end = text.indexOf("\n", begin);
  return begin > 0 && text.slice(begin, end < 0 ? undefined : end) === message;
}

/** Opens the log. Throws if this process may not read it (needs CAP_SYSLOG). */
export function openKernelLog(libc: Libc, path = KERNEL_LOG): KernelLog {
  const log = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = new Uint8Array(RECORD_BYTES);
  function find(message: string) {
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
    // Reading the whole log takes longer.
    else while (readRecord(libc, log, buffer) !== "none");
  }
  return { skip, find, close: () => closeSync(log) };
}

/**
 * Calls back when a new record is in the log, without polling: the process sleeps until the kernel
 * writes a record. The pending read cannot be cancelled. It lasts until the next record or the end
 * of the process, and it keeps the event loop alive.
 */
export class KernelLogWatch {
  readonly #libc: Libc;
  readonly #onRecord: () => void;
  readonly #onError: (error: Error) => void;
  readonly #open: () => FileWatch;
  #log: FileWatch | undefined;
  #armed = false;
  #pending = false;
  /** The number of times that a record woke this process. */
  wakes = 0;

  constructor(options: {
    readonly libc: Libc;
    readonly runtime: Pick<Runtime, "openWatch">;
    /** Called when there is a new record, which {@linkcode KernelLog.find} reads. */
    readonly onRecord: () => void;
    /** Called when the watch has ended because of an error. */
    readonly onError: (error: Error) => void;
    readonly path?: string;
  }) {
    this.#libc = options.libc;
    this.#onRecord = options.onRecord;
    this.#onError = options.onError;
    const { runtime, path = KERNEL_LOG } = options;
    this.#open = () => runtime.openWatch(path);
  }

  /** Starts to call back for each new record. Throws if the log cannot be watched. */
  arm(): void {
    this.#armed = true;
    if (this.#pending) return; // the former read still waits for the next record
    this.#log ??= this.#open();
    this.#skip(this.#log);
    this.#begin(this.#log);
  }

  #skip(log: FileWatch): void {
    if (log.toEnd !== undefined) return log.toEnd();
    requireSymbol(this.#libc, "lseek")(log.fd!, 0n, SEEK_END);
  }

  /** Stops calling back. The next record still ends the pending read. */
  disarm(): void {
    this.#armed = false;
  }

  /** Waits for the next record. An error ends the watch, because no caller waits for the record. */
  #begin(log: FileWatch): void {
    this.#wait(log).catch(this.#onError);
  }

  async #wait(log: FileWatch): Promise<void> {
    this.#pending = true;
    let failure: Error | undefined;
    try {
      await log.next();
    } catch (error) {
      // EPIPE: new records were overwritten before they were read.
      if (!hasCode(error, "EPIPE")) failure = error as Error;
    }
    this.#pending = false;
    if (!this.#armed) return;
    if (failure !== undefined) return this.#onError(failure);
    this.wakes++;
    this.#onRecord();
    // After `disarm` no read starts, because the first reply of a fork would wait for it. No record
    // is missed: the position of the descriptor is behind the last record that was read.
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
  // Without a C library, and to get the error of any other failure.
  try {
    return readSync(log, buffer, 0, buffer.length, null);
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return "none";
    if (hasCode(error, "EPIPE")) return "lost";
    throw error;
  }
}
