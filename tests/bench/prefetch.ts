/**
 * What a host that restores lazily gains if it fetches the published working set before it continues
 * a fork. Each page that the guest touches and the host does not have is a fault.
 * @module
 */
import type { StatusDocument } from "../../src/http/routes/documents.ts";
import { accelerator } from "../vm/support/accel.ts";
import { bootUp } from "../vm/support/boot.ts";
import { ensureDeps } from "../vm/support/deps.ts";
import { buildImage } from "../vm/support/image.ts";
import {
  type Machine,
  removeSnapshot,
  type Snapshot,
} from "../vm/support/machine.ts";
import { PAGE } from "./memory_files.ts";
import { listFork } from "./page_forks.ts";
import type { PageOptions, PageSubject } from "./page_subjects.ts";
import type { Report } from "./report.ts";
import { median, pass } from "./stats.ts";
import { Table } from "./table.ts";

const PART = "prefetch";
/** Microseconds of one fault: a page from a disk, or from another machine. */
const FAULT_US = 100;

/** Runs it all, on the subjects that are Lull. */
export async function prefetch(
  report: Report,
  options: PageOptions,
): Promise<void> {
  ensureDeps(() => {});
  const table = new Table();
  for (const subject of options.subjects) {
    if (subject.publishes) await measure(subject, options, table);
  }
  table.into(report, PART);
}

async function measure(
  subject: PageSubject,
  options: PageOptions,
  table: Table,
): Promise<void> {
  const { snapshot, published } = await prepared(subject, options);
  const counts: { touched: number; hits: number }[] = [];
  try {
    for (let i = 0; i < options.restores; i++) {
      const { touched } = await listFork(snapshot, subject.hosts.health, 0);
      if (touched === undefined) {
        throw new Error(
          "Cannot count faults: this host's kernel does not list touched pages",
        );
      }
      const hits = touched.filter((page) => published.has(page)).length;
      counts.push({ touched: touched.length, hits });
    }
  } finally {
    removeSnapshot(snapshot);
  }
  const touched = median(counts.map(({ touched }) => touched));
  const hits = median(counts.map(({ hits }) => hits));
  const set = (line: string, unit: string, value: number) =>
    table.set(line, unit, subject.column, value);
  set("published", "pages", published.size);
  set("touched until the reply", "pages", touched);
  set("of these published", "pages", hits);
  const each = `if each costs ${FAULT_US} µs`;
  set(`faults ${each}`, "ms", touched * FAULT_US / 1000);
  set(
    `faults after a prefetch, ${each}`,
    "ms",
    (touched - hits) * FAULT_US / 1000,
  );
}

/** A prepared guest that was recovered once before, and the pages that it published. */
async function prepared(
  subject: PageSubject,
  { flags, restMs }: PageOptions,
): Promise<{ snapshot: Snapshot; published: ReadonlySet<number> }> {
  const image = buildImage(subject.image, () => {});
  const accel = await accelerator();
  const publishing = [...flags, "--publish-working-set"];
  await using machine = await bootUp(
    { image, accel, flags: publishing, memoryFile: "whole" },
    subject.up,
  );
  await pass(restMs);
  // The first round adds to the agent's record of what a recovery needs.
  await subject.prepare!(machine);
  await subject.hosts.health(machine);
  await pass(restMs);
  await subject.prepare!(machine);
  const published = await publishedBy(machine);
  return { snapshot: await machine.snapshot(), published };
}

/** The pages, by their number in the guest's memory file. The guest has less than 2 GiB. */
async function publishedBy(machine: Machine): Promise<Set<number>> {
  const response = await machine.fetch("/snapshot");
  const { workingSet } = await response.json() as StatusDocument;
  if (workingSet === undefined) {
    throw new Error("Cannot measure a prefetch: the agent published nothing");
  }
  return new Set(
    workingSet.ranges.flatMap(([address, bytes]) =>
      Array.from({ length: bytes / PAGE }, (_, i) => address / PAGE + i)
    ),
  );
}
