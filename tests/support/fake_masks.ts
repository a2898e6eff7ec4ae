/**
 * A kernel that only remembers the CPUs of each thread.
 */
import { constants } from "node:os";
import type { Libc } from "../../src/linux/libc.ts";

/** A kernel with one mask per thread, where a call may be made to fail. */
export function fakeLibc(
  refuse: (thread: number, mask: Uint8Array) => boolean,
) {
  const masks = new Map<number, Uint8Array>();
  const former = new Uint8Array(1024);
  former[2] = 0b1010_0000; // CPUs 21 and 23
  const libc: Libc = {
    errno: () => constants.errno.EINVAL,
    sched_getaffinity(thread, _size, mask) {
      mask!.set(masks.get(thread) ?? former);
      return 0;
    },
    sched_setaffinity(thread, _size, mask) {
      if (refuse(thread, mask!)) return -1;
      masks.set(thread, mask!.slice());
      return 0;
    },
  };
  return { libc, masks, former };
}
