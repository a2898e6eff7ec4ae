/**
 * Opens a device whose driver sends a signal when something happens (O_ASYNC of fcntl(2)): data
 * came, or the other end was opened or closed. No thread waits for the device, and nothing polls it.
 * @module
 */
import { closeSync, constants, openSync } from "node:fs";
import process from "node:process";
import { checked, type Libc, requireSymbol } from "./libc.ts";

/** asm-generic/fcntl.h, as on x86-64 and arm64 */
const [F_SETFL, F_SETOWN, F_SETSIG] = [4, 8, 10];
const O_ASYNC = 0o20000;
const O_CLOEXEC = 0o2000000;

/**
 * The signal. A process that does not handle it ignores it, unlike SIGIO, which would end the
 * process.
 */
export const IO_SIGNAL = "SIGURG";
const SIGURG = 23;

/**
 * Opens the device for reading and writing, without blocking. From then on, its driver sends
 * IO_SIGNAL to this process. Throws the errors of node:fs, and a SystemCallError.
 */
export function openWithSignals(libc: Libc, path: string): number {
  const { O_RDWR, O_NONBLOCK, O_NOCTTY } = constants;
  const flags = O_RDWR | O_NONBLOCK;
  const fd = openSync(path, flags | O_NOCTTY | O_CLOEXEC);
  try {
    const fcntl = requireSymbol(libc, "fcntl");
    const set = (command: number, value: number) =>
      checked(libc, fcntl(fd, command, value), "get signals from", path);
    set(F_SETOWN, process.pid);
    set(F_SETSIG, SIGURG);
    set(F_SETFL, flags | O_ASYNC);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}
