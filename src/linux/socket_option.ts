/**
 * Reads and sets the options of sockets: getsockopt(2), setsockopt(2).
 * @module
 */
import { type Libc, requireSymbol } from "./libc.ts";
import { SO_LINGER, SOL_SOCKET } from "./socket_constants.ts";

/** A struct linger of 0 s (socket(7)). */
const NO_LINGER = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** Reads at most `size` bytes of an option; undefined if the kernel refuses. */
export function socketOption(
  libc: Libc,
  fd: number,
  level: number,
  option: number,
  size: number,
): Uint8Array | undefined {
  const value = new Uint8Array(size);
  const length = new Uint32Array([size]);
  const lengthBytes = new Uint8Array(length.buffer);
  const getsockopt = requireSymbol(libc, "getsockopt");
  return getsockopt(fd, level, option, value, lengthBytes) === 0
    ? value.subarray(0, length[0])
    : undefined;
}

/** Sets an option, whose value is an int or the bytes of a struct. False if the kernel refuses. */
export function setSocketOption(
  libc: Libc,
  fd: number,
  level: number,
  option: number,
  value: number | Uint8Array,
): boolean {
  const bytes = typeof value === "number"
    ? new Uint8Array(new Int32Array([value]).buffer)
    : value;
  const setsockopt = requireSymbol(libc, "setsockopt");
  return setsockopt(fd, level, option, bytes, bytes.length) === 0;
}

/** Makes a struct timeval of the 64-bit machines that Lull runs on. */
export function timeval(seconds: bigint | number): Uint8Array {
  const microseconds = BigInt(Math.ceil(Number(seconds) * 1e6));
  const second = 1_000_000n;
  return new Uint8Array(
    BigInt64Array.of(microseconds / second, microseconds % second).buffer,
  );
}

/** Makes the close(2) of a connection reset it. Has no effect on other descriptors. */
export function resetOnClose(libc: Libc, fd: number): void {
  setSocketOption(libc, fd, SOL_SOCKET, SO_LINGER, NO_LINGER);
}
