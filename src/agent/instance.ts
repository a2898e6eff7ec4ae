/**
 * One agent per runtime directory: a second agent would undo what the first one has changed.
 * @module
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "../util/errors.ts";
import type { Libc } from "../linux/libc.ts";
import { lockFile, type LockResult } from "../linux/lock_file.ts";
import type { Log } from "../log/mod.ts";
import { StartError } from "../config/error.ts";

/** What the process of another agent prevents. */
type Prevented = "start" | "record a change";

/** The lock's file in the runtime directory. */
const LOCK_NAME = "lock";

/**
 * Makes this process the agent of the runtime directory until it ends. Throws a StartError, and
 * changes nothing, if another process is. If the directory cannot be made or its file cannot be
 * locked, the agent starts without the lock, and the log says so.
 */
export function claimRuntimeDirectory(
  libc: Libc,
  directory: string,
  log: Pick<Log, "warn">,
  prevented: Prevented = "start",
): void {
  let result: LockResult;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    result = lockFile(libc, join(directory, LOCK_NAME));
  } catch (error) {
    log.warn(
      "the runtime directory could not be locked: a second agent with the same directory would not be refused",
      { directory, error: errorText(error) },
    );
    return;
  }
  if (result.kind === "locked") return;
  const other = result.pid === undefined
    ? "another process"
    : `process ${result.pid}`;
  throw new StartError(
    `Cannot ${prevented}: ${other} is the agent of the runtime directory ${directory}; end it, or name another directory with --runtime-directory`,
  );
}
