/**
 * The socket on which a service manager gets messages of its services: sd_notify(3).
 */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type Libc, requireSymbol } from "../../src/linux/libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;

/** A datagram socket, bound to a path or, with `@` in front, to an abstract name. */
export class NotifySocket implements Disposable {
  readonly #fd: number;

  constructor(readonly libc: Libc, readonly name: string) {
    const socket = requireSymbol(libc, "socket");
    this.#fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert.ok(this.#fd >= 0);
    const path = name.startsWith("@") ? `\0${name.slice(1)}` : `${name}\0`;
    const address = Uint8Array.of(
      ...[AF_UNIX, 0],
      ...new TextEncoder().encode(path),
    );
    const bind = requireSymbol(libc, "bind");
    assert.equal(bind(this.#fd, address, address.length), 0);
  }

  /** The next message; undefined if there is none. */
  next(): string | undefined {
    const bytes = new Uint8Array(4096);
    const recv = requireSymbol(this.libc, "recv");
    const length = recv(this.#fd, bytes, 4096n, MSG_DONTWAIT);
    if (length < 0) return undefined;
    return new TextDecoder().decode(bytes.subarray(0, length));
  }

  [Symbol.dispose](): void {
    requireSymbol(this.libc, "close")(this.#fd);
    if (!this.name.startsWith("@")) rmSync(this.name, { force: true });
  }
}
