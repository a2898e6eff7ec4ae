/**
 * The C library of the runtime that runs this test.
 */
import { type Libc, loadLibc } from "../../src/linux/libc.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";

/** The real one. */
export async function realLibc(): Promise<Libc> {
  return loadLibc(await loadRuntime());
}
