/**
 * vsock sockets (vsock(7)) by system calls, because Bun has no API for them.
 * @module
 */
import { errnoName } from "../../../util/errno.ts";
import { openLibc } from "../../library.ts";
import type { CFunction, CSignature, ForeignLibrary } from "../../types.ts";
import { openLibrary } from "../library.ts";

/** Values of the Linux headers for x86-64 and arm64, and of linux/vm_sockets.h. */
const AF_VSOCK = 40;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const VMADDR_CID_ANY = 0xffffffff;

/** struct sockaddr_vm: its size, and the offsets of port and CID. */
const ADDRESS_BYTES = 16;
const PORT = 4;
const CID = 8;

/** The length of the kernel's queue of connections that are not accepted yet. */
const BACKLOG = 128;

const SYMBOLS = {
  socket: { args: ["i32", "i32", "i32"], result: "i32" },
  bind: { args: ["i32", "buffer", "u32"], result: "i32" },
  listen: { args: ["i32", "i32"], result: "i32" },
  connect: { args: ["i32", "buffer", "u32"], result: "i32" },
  getpeername: { args: ["i32", "buffer", "buffer"], result: "i32" },
  close: { args: ["i32"], result: "i32" },
} as const satisfies Record<string, CSignature>;

/** The CID and the port of the far end. */
export interface VsockAddress {
  readonly cid: number;
  readonly port: number;
}

/** The system calls for vsock sockets. */
export class VsockSockets {
  readonly #library: ForeignLibrary;
  /** The functions, each bound once. */
  readonly #bound = new Map<string, CFunction | undefined>();

  /** Fails without a C library. */
  constructor() {
    const found = openLibc(openLibrary);
    if (found === undefined) throw new Error("the C library cannot be loaded");
    this.#library = found;
  }

  /** Makes a socket that listens on the port, on every CID; throws an error with a code. */
  listen(port: number): number {
    const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = this.#call("socket", AF_VSOCK, type, 0);
    try {
      const address = addressOf(VMADDR_CID_ANY, port);
      this.#call("bind", fd, address, address.length);
      this.#call("listen", fd, BACKLOG);
      return fd;
    } catch (error) {
      this.close(fd);
      throw error;
    }
  }

  /**
   * Makes a socket that is connected; throws an error with a code. Blocks this thread for at most
   * 2 s, the kernel's limit for such a connect.
   */
  connect(cid: number, port: number): number {
    const fd = this.#call("socket", AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    try {
      this.#call("connect", fd, addressOf(cid, port), ADDRESS_BYTES);
      return fd;
    } catch (error) {
      this.close(fd);
      throw error;
    }
  }

  /** The far end of a connection; undefined if the connection has ended or is not of vsock. */
  peerOf(fd: number): VsockAddress | undefined {
    const address = new Uint8Array(ADDRESS_BYTES);
    const length = new Uint8Array(new Uint32Array([ADDRESS_BYTES]).buffer);
    const view = new DataView(address.buffer);
    try {
      this.#call("getpeername", fd, address, length);
    } catch {
      return undefined;
    }
    if (view.getUint16(0, true) !== AF_VSOCK) return undefined;
    return {
      cid: view.getUint32(CID, true),
      port: view.getUint32(PORT, true),
    };
  }

  /** Closes a descriptor that no other code owns. */
  close(fd: number): void {
    this.#call("close", fd);
  }

  #call(
    name: keyof typeof SYMBOLS,
    ...args: readonly (number | Uint8Array)[]
  ): number {
    if (!this.#bound.has(name)) {
      this.#bound.set(name, this.#library.symbol(name, SYMBOLS[name]));
    }
    const result = Number(this.#bound.get(name)?.(...args) ?? -1);
    if (result >= 0) return result;
    const code = errnoName(this.#library.errno());
    throw Object.assign(new Error(`${name}: ${code}`), { code });
  }
}

/** A struct sockaddr_vm. */
function addressOf(cid: number, port: number): Uint8Array {
  const address = new Uint8Array(ADDRESS_BYTES);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_VSOCK, true);
  view.setUint32(PORT, port, true);
  view.setUint32(CID, cid, true);
  return address;
}
