/**
 * GET /health and GET /metrics of E2B: they change nothing.
 * @module
 */
import type { Context } from "hono";
import { cpuCount, CpuUse, diskUse, memoryUse } from "../usage.ts";

const MIB = 2 ** 20;

/** Replies with 204 in every state: E2B's host polls health, and recovers by POST /init. */
export function health(c: Context): Response {
  return c.body(null, 204);
}

/** Makes the handler of GET /metrics. */
export function metricsHandler(): (c: Context) => Promise<Response> {
  const processors = new CpuUse();
  return async (c) => {
    const memory = memoryUse();
    const disk = await diskUse();
    return c.json({
      ts: Math.floor(Date.now() / 1000),
      cpu_count: cpuCount(),
      cpu_used_pct: processors.percent(),
      mem_total_mib: Math.floor(memory.total / MIB),
      mem_used_mib: Math.floor(memory.used / MIB),
      mem_total: memory.total,
      mem_used: memory.used,
      mem_cache: memory.cache,
      disk_used: disk?.used ?? 0,
      disk_total: disk?.total ?? 0,
    });
  };
}
