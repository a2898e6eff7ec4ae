/**
 * Overwrites free memory that waits in lists of each CPU in blocks of several pages: the buffers of
 * network devices are such blocks. No program gets single pages of them, but the kernel puts the data
 * of sockets into them.
 * @module
 */
import { type Libc, requireSymbol } from "../linux/libc.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_STREAM,
} from "../linux/socket_constants.ts";
import { CpuRotation } from "./cpu_rotation.ts";

/** Pairs of sockets on each CPU, and the bytes that each holds: the kernel takes blocks of 32 KiB. */
const PAIRS = 48;
const PAIR_BYTES = 160 * 1024;

/** Holds zeros in many sockets at once, on each CPU. Returns their bytes. */
export function fillSockets(libc: Libc): number {
  const zeros = new Uint8Array(PAIR_BYTES);
  const rotation = new CpuRotation(libc);
  let filled = 0;
  try {
    for (let cpu = 0; cpu < rotation.count; cpu++) {
      rotation.next();
      const sockets: number[] = [];
      try {
        for (let i = 0; i < PAIRS; i++) {
          const pair = openPair(libc);
          if (pair === undefined) break;
          sockets.push(...pair);
          const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
          const send = requireSymbol(libc, "send");
          filled += Math.max(
            0,
            Number(send(pair[0], zeros, BigInt(zeros.length), flags)),
          );
        }
      } finally {
        for (const socket of sockets) requireSymbol(libc, "close")(socket);
      }
    }
  } finally {
    rotation.end();
  }
  return filled;
}

/** A pair of connected sockets; undefined if no descriptor is left. */
function openPair(libc: Libc): [number, number] | undefined {
  const pair = new Int32Array(2);
  const type = SOCK_STREAM | SOCK_CLOEXEC;
  const open = requireSymbol(libc, "socketpair");
  const bytes = new Uint8Array(pair.buffer);
  return open(AF_UNIX, type, 0, bytes) === 0 ? [pair[0], pair[1]] : undefined;
}
