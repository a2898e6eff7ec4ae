/**
 * The `ip` tool, for scripts that run in a namespace of their own.
 */
import { execFileSync } from "node:child_process";

/** Runs it with these words. */
export function ip(words: string): string {
  return execFileSync("ip", words.split(" "), { encoding: "utf8" });
}

/** What it shows, a line each, without the spaces around. */
export function ipLines(words: string): string[] {
  return ip(words).split("\n").map((line) => line.trim()).filter(Boolean);
}
