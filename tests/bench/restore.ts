/**
 * What a restore costs: the time to the first healthy reply, and what the first
 * second reads from the disk.
 * @module
 */
import { Machine, type Snapshot } from "../vm/support/machine.ts";
import { HELPER_PORT } from "../vm/support/hardware.ts";
import { request } from "./request.ts";
import { median, pass } from "./stats.ts";

const REPEATS = 15;
const SECTOR = 512;
const MIB = 2 ** 20;

/** Counters of the guest, which only grow. */
interface Counters {
  /** Major faults of the agent (proc_pid_stat(5)). */
  readonly faults: number;
  /** Bytes read from the disk, by whomever (the kernel's iostats). */
  readonly read: number;
}

/** As they were at the freeze: the agent does not hear that this is another machine. */
async function frozenCounters(snapshot: Snapshot): Promise<Counters> {
  await using machine = await Machine.restore(snapshot, "same");
  await machine.cont();
  return await readCounters(machine);
}

/** Reads them without the agent. */
async function readCounters(machine: Machine): Promise<Counters> {
  const [stat, disk] = (await machine.sh(
    "pid=$(pidof lull || pidof deno); cat /proc/$pid/stat /sys/block/vda/stat",
  )).split("\n");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const sectors = Number(disk.trim().split(/\s+/)[2]);
  return { faults: Number(fields[9]), read: sectors * SECTOR };
}

/** Restores again and again: the agent's first reply, a plain web server's in turn. */
export async function restoreCosts(
  snapshot: Snapshot,
  health: string,
  set: (name: string, unit: string, value: number) => void,
): Promise<void> {
  const before = await frozenCounters(snapshot);
  const agent: number[] = [];
  const httpd: number[] = [];
  const faults: number[] = [];
  const read: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    {
      await using machine = await Machine.restore(snapshot);
      const start = performance.now();
      await machine.cont();
      await request(machine.port, "GET", health);
      agent.push(performance.now() - start);
      await pass(Math.max(0, 1000 - (performance.now() - start)));
      const after = await readCounters(machine);
      faults.push(after.faults - before.faults);
      read.push(after.read - before.read);
    }
    await using machine = await Machine.restore(snapshot);
    const port = await machine.forward(HELPER_PORT);
    const start = performance.now();
    await machine.cont();
    await request(port, "GET", "/page");
    httpd.push(performance.now() - start);
  }
  set("continue to healthy, agent", "ms", median(agent));
  set("continue to a page, busybox httpd", "ms", median(httpd));
  set("healthy / page", "x", median(agent) / median(httpd));
  set("major faults, first second", "", median(faults));
  set("read from the disk, first second", "MiB", median(read) / MIB);
}
