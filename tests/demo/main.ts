/**
 * `make demo`: the main job, seen. In a virtual machine where this one can have
 * one; `MODE=native` asks for the round without.
 */
import process from "node:process";
import { ensureDeps } from "../vm/support/deps.ts";
import { machineDemo } from "./machine.ts";
import { nativeDemo } from "./native.ts";

function say(line: string): void {
  console.log(line);
}

/** Why there can be no machine, undefined if there can. */
function withoutMachine(): string | undefined {
  if (process.env.MODE === "native") return "MODE=native";
  try {
    ensureDeps();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const why = withoutMachine();
if (why === undefined) {
  await machineDemo(say);
} else {
  say(`Without a virtual machine (${why}):`);
  await nativeDemo(say);
}
