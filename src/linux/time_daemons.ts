/**
 * The programs that keep the wall clock right, and how they learn that it was set.
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, resultUnless } from "../util/errors.ts";

/** Milliseconds until a daemon that does not answer is given up. */
const TELL_LIMIT_MS = 5000;

/** A program that keeps the wall clock right. */
export interface TimeDaemon {
  readonly name: "chrony" | "systemd-timesyncd";
  /** How it learns that the clock was set. */
  readonly told: string;
  /** Tells it; rejects if it refuses. Undefined if the kernel has told it already. */
  readonly tell?: () => Promise<void>;
}

/** Where the directories and programs are; tests replace them. */
interface Places {
  /** The directory of the runtime data of services. */
  readonly run?: string;
  readonly chronyc?: string;
}

/**
 * Returns the daemons that run. Reads no file if there is none: two paths are looked up.
 *
 * - chrony compares its sources with the clock as it was before. `reset sources` (chronyc(1),
 *   chrony 4.0) makes it drop these measurements and start over. chrony notices a jump of more than
 *   10 s by itself. In a machine with chrony 4.3, a step of 5 to 7 s caused no fight over the clock
 *   with the command, and none without it.
 * - systemd-timesyncd holds a timer with TFD_TIMER_CANCEL_ON_SET (timerfd_create(2)), which the
 *   kernel cancels whenever the clock is set. It then asks its server at once.
 */
export function runningTimeDaemons(
  { run = "/run", chronyc = "chronyc" }: Places = {},
): TimeDaemon[] {
  const daemons: TimeDaemon[] = [];
  const socket = join(run, "chrony/chronyd.sock");
  if (existsSync(socket) && runsChrony(join(run, "chrony/chronyd.pid"))) {
    daemons.push({
      name: "chrony",
      told: "chronyc reset sources",
      tell: () => resetSources(chronyc, socket),
    });
  }
  // The service has this directory while it runs (RuntimeDirectory=systemd/timesync).
  if (existsSync(join(run, "systemd/timesync"))) {
    daemons.push({
      name: "systemd-timesyncd",
      told: "the kernel cancelled its timer",
    });
  }
  return daemons;
}

/** A killed chronyd leaves its socket and its file. */
function runsChrony(pidFile: string): boolean {
  const read = (path: string) =>
    resultUnless(["ENOENT", "ESRCH"], () => readFileSync(path, "utf8"))?.trim();
  const pid = read(pidFile);
  return pid !== undefined && read(`/proc/${Number(pid)}/comm`) === "chronyd";
}

async function resetSources(chronyc: string, socket: string): Promise<void> {
  const { execFile } = await import("node:child_process");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const args = ["-n", "-h", socket, "reset", "sources"];
  execFile(
    chronyc,
    args,
    { timeout: TELL_LIMIT_MS, killSignal: "SIGKILL", encoding: "utf8" },
    (error, stdout, stderr) => {
      if (error === null) return resolve();
      const words = `${stdout} ${stderr}`.trim() || messageOf(error);
      reject(new Error(`Cannot tell chrony that the clock was set: ${words}`));
    },
  );
  return await promise;
}
