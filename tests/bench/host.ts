/**
 * The machine that the figures are from.
 * @module
 */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg, release, totalmem } from "node:os";

/** What stands beside the figures. */
export interface Host {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMib: number;
  readonly kernel: string;
  /** How many processes wanted a CPU when the benchmark began. */
  readonly load: number;
}

/** Asks the kernel. */
export function host(): Host {
  const cpu = /^model name\s*:\s*(.*)$/m.exec(
    readFileSync("/proc/cpuinfo", "utf8"),
  );
  return {
    cpu: cpu?.[1] ?? "unknown",
    cores: availableParallelism(),
    memoryMib: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    load: Math.round(loadavg()[0] * 100) / 100,
  };
}
