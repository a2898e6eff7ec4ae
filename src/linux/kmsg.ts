/**
 * The kernel's log, record by record: /dev/kmsg (Documentation/ABI/testing/dev-kmsg).
 * @module
 */
import { closeSync, constants, openSync, read, readSync } from "node:fs";
import { type Libc, need } from "./libc.ts";
import { wholeNumber } from "./whole_number.ts";

const DEVICE = "/dev/kmsg";
/** The longest record that the kernel gives (PRINTK_MESSAGE_MAX) is 2048. */
const RECORD_BYTES = 8192;
const SEEK_END = 2;
/** errno(3): nothing new; records were overwritten before they were read */
const EAGAIN = 11;
const EPIPE = 32;

/** One record of the kernel's log. */
export interface KernelRecord {
  /** 0 is the kernel. Whoever writes to /dev/kmsg cannot claim that one. */
  readonly facility: number;
  readonly sequence: number;
  readonly message: string;
}

/** New records since a moment, in order. */
export interface KernelLog {
  /** Passes over all that there is. */
  skip(): void;
  /** What is new; `lost` where the kernel overwrote some before it was read. */
  next(): { readonly records: KernelRecord[]; readonly lost: boolean };
  close(): void;
}

/**
 * `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS[,...];MESSAGE`, then lines of a
 * dictionary; undefined for anything else. The kernel escapes line ends that a
 * message itself contains.
 */
export function parseRecord(text: string): KernelRecord | undefined {
  const head = text.indexOf(";");
  const fields = text.slice(0, Math.max(0, head)).split(",");
  if (fields.length < 4) return undefined;
  const [priority, sequence, time] = fields.map(wholeNumber);
  if (priority === undefined || sequence === undefined || time === undefined) {
    return undefined;
  }
  const end = text.indexOf("\n", head);
  return {
    facility: priority >> 3,
    sequence,
    message: text.slice(head + 1, end === -1 ? undefined : end),
  };
}

/** Opens the log; throws where this process may not read it (CAP_SYSLOG). */
export function openKernelLog(libc: Libc, path = DEVICE): KernelLog {
  const log = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = new Uint8Array(RECORD_BYTES);
  function next() {
    const records: KernelRecord[] = [];
    let lost = false;
    for (;;) {
      const count = readRecord(libc, log, buffer);
      if (count === "none") return { records, lost };
      if (count === "lost") {
        lost = true;
        continue;
      }
      const record = parseRecord(decode(buffer, count));
      if (record !== undefined) records.push(record);
    }
  }
  function skip() {
    // reading all of it would do, and take long
    if (libc.lseek === undefined) next();
    else libc.lseek(log, 0n, SEEK_END);
  }
  return { skip, next, close: () => closeSync(log) };
}

/**
 * Tells of new records without polling: one read blocks in the runtime's pool
 * of threads, and nothing at all happens until the kernel says something. The
 * read cannot be cancelled: it lasts, and holds its thread, until the next
 * record or the end of the process, and it keeps the event loop alive.
 * (The pools of both runtimes have at least two threads.)
 */
export class KernelLogWatch {
  readonly #libc: Libc;
  readonly #onRecord: () => void;
  readonly #onError: (error: Error) => void;
  readonly #path: string;
  readonly #buffer = new Uint8Array(RECORD_BYTES);
  #log: number | undefined;
  #armed = false;
  #pending = false;
  /** How often a record woke this process. */
  wakes = 0;

  constructor(options: {
    readonly libc: Libc;
    /** Something is new; what, {@linkcode KernelLog.next} knows. */
    readonly onRecord: () => void;
    /** The watch has ended by itself. */
    readonly onError: (error: Error) => void;
    readonly path?: string;
  }) {
    this.#libc = options.libc;
    this.#onRecord = options.onRecord;
    this.#onError = options.onError;
    this.#path = options.path ?? DEVICE;
  }

  /** Tells of every record from now on; throws where that is not possible. */
  arm(): void {
    this.#armed = true;
    if (this.#pending) return; // still waits, behind the last record there is
    this.#log ??= openSync(this.#path, "r");
    need(this.#libc, "lseek")(this.#log, 0n, SEEK_END);
    this.#wait(this.#log);
  }

  /** Tells nothing from now on; the next record still ends the read. */
  disarm(): void {
    this.#armed = false;
  }

  #wait(log: number): void {
    this.#pending = true;
    read(log, this.#buffer, 0, RECORD_BYTES, null, (error) => {
      this.#pending = false;
      // EPIPE: records were overwritten before they were read. They were new.
      const fatal = error !== null && error.code !== "EPIPE";
      if (!this.#armed) return;
      if (fatal) return this.#onError(error);
      this.wakes++;
      this.#wait(log); // before anybody hears of it: no record may be missed
      this.#onRecord();
    });
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
    const { code } = error as { code?: string };
    if (code === "EAGAIN") return "none";
    if (code === "EPIPE") return "lost";
    throw error;
  }
}

/** The kernel escapes whatever is not ASCII. */
function decode(buffer: Uint8Array, length: number): string {
  return String.fromCharCode(...buffer.subarray(0, length));
}
