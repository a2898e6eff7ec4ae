/**
 * Closes what a worker's thread has left open. Runs in its owner.
 * @module
 */
import { type Libc, requireSymbol } from "../../linux/libc.ts";
import { resetOnClose } from "../../linux/socket_option.ts";
import { waitFor } from "../../util/wait.ts";
import { Descriptors } from "./descriptors.ts";

/** Milliseconds that the wait may take to end; a pool whose threads are all busy begins it late. */
const WAIT_END_MS = 2000;

/** The memory of waits that did not end: the kernel may still write to it. */
const abandoned: SharedArrayBuffer[] = [];

/**
 * Closes the descriptors that the worker has left open, in memory of {@linkcode Descriptors}. A
 * thread of the runtime's pool may still wait for the worker's epoll: its wait is ended first. If it
 * were not, that number might become one of another file, and the thread would take the events of
 * that file. Therefore both descriptors stay open if the wait does not end.
 */
export async function closeLeft(
  libc: Libc,
  memory: SharedArrayBuffer,
): Promise<void> {
  const descriptors = new Descriptors(memory);
  const close = (fd: number) => {
    descriptors.delete(fd);
    requireSymbol(libc, "close")(fd);
  };
  const { socket = [], epoll = [], bell = [] } = Object.groupBy(
    descriptors.open(),
    ({ kind }) => kind,
  );
  for (const { fd } of socket) {
    resetOnClose(libc, fd);
    close(fd);
  }
  if (descriptors.isWaiting) {
    for (const { fd } of bell) requireSymbol(libc, "eventfd_write")(fd, 1n);
    if (!await waitFor(() => !descriptors.isWaiting, WAIT_END_MS)) {
      abandoned.push(memory);
      return;
    }
  }
  for (const { fd } of [...epoll, ...bell]) close(fd);
}
