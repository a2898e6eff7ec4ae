/**
 * A program for tests: prepares its process as main.ts does and prints what it
 * and its children then see.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { prepareProcess, runtimeName } from "../../src/runtime/mod.ts";

const MATTERS = /GC_TIMER|BUN_JSC|MIMALLOC|LULL_FORMER/;

const reason = prepareProcess();
console.log(JSON.stringify({
  runtime: runtimeName(),
  pid: process.pid,
  args: process.argv.slice(2),
  reason: reason ?? null,
  own: Object.entries(process.env).filter(([name]) => MATTERS.test(name)),
  child: lines(spawnSync("env", { encoding: "utf8" }).stdout, "\n"),
  atStart: lines(readFileSync("/proc/self/environ", "utf8"), "\0"),
}));

function lines(text: string, separator: string): string[] {
  return text.split(separator).filter((line) => MATTERS.test(line)).sort();
}
