/**
 * Writes a machine that stands still into a file and reads it back, with QEMU's
 * `migrate`.
 */
import { until } from "../../support/until.ts";
import { ANSWER_LIMIT } from "./guest_access.ts";
import type { Hardware } from "./hardware.ts";
import type { Qmp } from "./qmp.ts";

/** A word for the shell that QEMU gives the command to. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Both sides must say that the memory is not in the stream, but in its own file. */
async function leaveOutMemory(qmp: Qmp, hardware: Hardware): Promise<void> {
  if (hardware.memoryFile === "none") return;
  const capabilities = [{ capability: "x-ignore-shared", state: true }];
  await qmp.execute("migrate-set-capabilities", { capabilities });
}

/** Writes the state of a stopped machine; gives the milliseconds that it took. */
export async function writeState(
  qmp: Qmp,
  hardware: Hardware,
  file: string,
): Promise<number> {
  await leaveOutMemory(qmp, hardware);
  const start = performance.now();
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
  await qmp.execute("migrate", { uri: `exec:cat > ${quoted(file)}` });
  await until("the snapshot", async () => {
    const info = await qmp.execute<{ status: string }>("query-migrate");
    if (info.status === "failed") {
      throw new Error(`Cannot write ${file}: ${JSON.stringify(info)}`);
    }
    return info.status === "completed";
  }, ANSWER_LIMIT);
  return performance.now() - start;
}

/** Reads a state into a machine that waits for one; gives the milliseconds that it took. */
export async function readState(
  qmp: Qmp,
  hardware: Hardware,
  file: string,
): Promise<number> {
  await leaveOutMemory(qmp, hardware);
  const start = performance.now();
  await qmp.execute("migrate-incoming", { uri: `exec:cat ${quoted(file)}` });
  await until("the restore", async () => {
    const { status } = await qmp.execute<{ status: string }>("query-status");
    return status !== "inmigrate";
  }, ANSWER_LIMIT);
  return performance.now() - start;
}
