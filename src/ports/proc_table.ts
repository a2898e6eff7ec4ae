/**
 * Reads one of the kernel's tables of TCP sockets, many times.
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { errorText, hasCode } from "../util/errors.ts";
import { type PortLog, ScanErrors } from "./log.ts";

/**
 * One of the kernel's tables. The descriptor stays open, because to open it costs as much as a short
 * read. A read at offset 0 makes the kernel list its sockets again.
 */
export class ProcTable {
  readonly #path: string;
  readonly #errors: ScanErrors;
  readonly #decoder = new TextDecoder("latin1");
  #fd: number | undefined;
  #buffer = new Uint8Array(16 * 1024);

  constructor(path: string, log: PortLog) {
    this.#path = path;
    this.#errors = new ScanErrors(log);
  }

  /** The whole text; empty if there is no such table or it cannot be read. */
  read(): string {
    try {
      this.#fd ??= openSync(this.#path, "r");
      const text = this.#decoder.decode(this.#fill(this.#fd));
      this.#errors.clear();
      return text;
    } catch (error) {
      this.close();
      // A kernel without IPv6 has no tcp6: nothing to report.
      if (!hasCode(error, "ENOENT")) {
        this.#errors.report(`Cannot read ${this.#path}: ${errorText(error)}`);
      }
      return "";
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeSync(fd);
  }

  #fill(fd: number): Uint8Array {
    let filled = 0;
    for (;;) {
      if (filled === this.#buffer.length) {
        const grown = new Uint8Array(filled * 2);
        grown.set(this.#buffer);
        this.#buffer = grown;
      }
      const room = this.#buffer.length - filled;
      const count = readSync(fd, this.#buffer, filled, room, filled);
      if (count === 0) return this.#buffer.subarray(0, filled);
      filled += count;
    }
  }
}
