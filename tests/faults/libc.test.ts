/**
 * Calls of the C library that fail, on the way down and on the way up: nothing
 * throws, what went wrong is said, and the next round works.
 */
import assert from "node:assert/strict";
import { constants } from "node:os";
import { describe, test } from "node:test";
import type { Libc } from "../../src/linux/libc.ts";
import { realLibc } from "../support/libc.ts";
import { bad, Rig } from "./rig.ts";

const { EPERM, EINVAL, ENOMEM, EBADF, EINTR, ENOTCONN, EAGAIN, ENOSYS } =
  constants.errno;

/** Errors that each call may give, of those in its man page. */
const ERRORS: Partial<Record<keyof Libc, number[]>> = {
  getsockname: [EBADF, EINVAL],
  getpeername: [EBADF, ENOTCONN],
  getsockopt: [EBADF, EINVAL],
  setsockopt: [EBADF, EINVAL],
  shutdown: [EBADF, ENOTCONN],
  ioctl: [EBADF, EINVAL, EPERM],
  sched_getaffinity: [EINVAL, EPERM],
  sched_setaffinity: [EINVAL, EPERM],
  clock_gettime: [EINVAL],
  clock_settime: [EPERM, EINVAL],
  lseek: [EBADF, EINVAL],
  socket: [EPERM, ENOMEM, ENOSYS],
  send: [EPERM, ENOMEM],
  recv: [EINTR, EAGAIN],
  bind: [EPERM, EINVAL],
  pthread_create: [EAGAIN, EPERM],
};

/** A libc in which one call fails while `broken` says so. */
function failing(
  libc: Libc,
  call: keyof Libc,
  errno: number,
  broken: () => boolean,
): Libc {
  const real = libc[call] as (...args: unknown[]) => unknown;
  let last: number | undefined;
  return {
    ...libc,
    errno: () => last ?? libc.errno!(),
    [call]: (...args: unknown[]) => {
      last = broken() ? errno : undefined;
      // pthread_create(3) gives its error back.
      return broken() ? call === "pthread_create" ? errno : -1 : real(...args);
    },
  };
}

for (const way of ["down", "up"] as const) {
  describe(`a call that fails on the way ${way}`, () => {
    for (const [call, errors] of Object.entries(ERRORS)) {
      for (const errno of errors) {
        const name = Object.entries(constants.errno)
          .find(([, number]) => number === errno)?.[0];
        test(`${call}: ${name}`, async () => {
          const real = await realLibc();
          let broken = false;
          const libc = failing(
            real,
            call as keyof Libc,
            errno,
            () => broken,
          );
          const rig = await Rig.start({ libc });
          try {
            const { lifecycle } = rig;
            broken = way === "down";
            const operation = await lifecycle.prepare();
            await lifecycle.settle(operation);
            broken = way === "up";
            const { recovery } = await lifecycle.recover({ trigger: "health" });
            broken = false;
            const reports = [...operation.reports, ...recovery!.steps];
            for (const one of reports.filter((one) => one.status !== "done")) {
              assert.ok(one.reason, `${one.name} says why`);
            }
            assert.equal(lifecycle.state, "running");
            // What is reported as not undone is undone by the next round.
            if (bad(reports).length === 0) await rig.assertAsBefore();
            const next = await rig.round();
            assert.ok(next.held);
            assert.deepEqual(bad(next.reports), []);
            await rig.assertAsBefore();
          } finally {
            broken = false;
            rig.end();
          }
        });
      }
    }
  });
}
