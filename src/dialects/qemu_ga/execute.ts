/**
 * Runs programs of the guest.
 * @module
 */
import { errorText } from "../../util/errors.ts";
import { nodeChildProcess } from "../../util/lazy_builtins.ts";
import { ProtocolError } from "./errors.ts";

/** The most characters of a program's errors in a reply. */
const MAX_WORDS = 500;

/** Runs a program to its end; rejects with its last words if it fails. */
export function execute(path: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (why: string) =>
      reject(new ProtocolError(`Cannot run ${path}: ${why}`));
    const child = nodeChildProcess().spawn(path, args, {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let words = "";
    child.stderr!.setEncoding("utf8");
    child.stderr!.on("data", (text: string) => words += text);
    child.on("error", (error: Error) => failed(errorText(error)));
    child.on("close", (code: number | null, signal: string | null) => {
      if (code === 0) return resolve();
      failed(
        words.trim().slice(0, MAX_WORDS) || `it ended with ${code ?? signal}`,
      );
    });
  });
}
