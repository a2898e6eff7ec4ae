/**
 * Measures Lull, prints one page, writes dist/bench.json and dist/bench/*.svg.
 * `bun run tests/bench/main.ts [native] [forwarder] [machine] [prefetch] [pages]`; all if
 * none is named. With AGENT, PREPARE and HEALTH in the environment the parts machine
 * and pages measure that agent instead: its binary, the path to POST before a
 * snapshot, the path to GET after a restore. It must listen on port 49983. KIND is
 * the kind of snapshot for which Lull prepares in the parts native and pages. What
 * else the part pages reads from the environment: see page_subjects.ts.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { projectDir } from "../vm/support/paths.ts";
import { forwarder } from "./forwarder.ts";
import { host } from "./host.ts";
import { machine } from "./machine.ts";
import { native } from "./native.ts";
import { kindOf, pageOptions } from "./page_subjects.ts";
import { pages } from "./pages.ts";
import { prefetch } from "./prefetch.ts";
import { Report } from "./report.ts";
import { lulls, namedPeer } from "./subjects.ts";
import { barChart } from "./svg.ts";

const PARTS: Record<string, (report: Report) => Promise<void>> = {
  native: (report) => native(report, kindOf(process.env)),
  forwarder,
  machine: (report) => {
    const peer = namedPeer(process.env);
    return machine(report, peer ? [peer] : lulls());
  },
  prefetch: (report) => prefetch(report, pageOptions(process.env)),
  pages: (report) => pages(report, pageOptions(process.env)),
};

function keep(report: Report, about: object): void {
  const dist = join(projectDir, "dist");
  mkdirSync(join(dist, "bench"), { recursive: true });
  writeFileSync(
    join(dist, "bench.json"),
    `${JSON.stringify({ ...about, figures: report.figures }, undefined, 2)}\n`,
  );
  for (const { file, title, unit, bars } of report.charts) {
    writeFileSync(join(dist, "bench", file), barChart(title, unit, bars));
  }
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined) {
    throw new Error(
      `Cannot measure ${unknown}: the parts are ${Object.keys(PARTS)}`,
    );
  }
  const about = { host: host(), time: new Date().toISOString() };
  const report = new Report();
  for (const [name, part] of Object.entries(PARTS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const start = performance.now();
    await part(report);
    const seconds = (performance.now() - start) / 1000;
    console.error(`bench: ${name} took ${seconds.toFixed(0)} s`);
  }
  const { cpu, cores, memoryMib, kernel, load } = about.host;
  console.log(
    `${cpu}, ${cores} CPUs, ${memoryMib} MiB, Linux ${kernel}, load ${load} at the start\n`,
  );
  console.log(report.text());
  keep(report, about);
}

// Machines and their files end with this process, if it ends in this way.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.exit(1));
}
try {
  await main(process.argv.slice(2));
  process.exit(0);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.stack : error}`);
  process.exit(1);
}
