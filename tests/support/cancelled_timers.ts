/**
 * A program of a test: starts the agent's timers, cancels them when it gets a line, and says so.
 */
import process from "node:process";
import { createTimers } from "../../src/linux/kernel_alarm.ts";
import { loadLibc } from "../../src/linux/libc.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";

const runtime = await loadRuntime();
const timers = createTimers(loadLibc(runtime), runtime);
const cancel = timers.within(Number(process.argv[2]), () => {});
console.log("started");
process.stdin.once("data", () => {
  cancel();
  console.log("cancelled");
});
