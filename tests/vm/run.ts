/**
 * Runs the machine tests, a file per process, as many at once as there are
 * CPUs: a guest under TCG keeps about one of them busy.
 * `bun run tests/vm/run.ts [PART OF A FILE NAME ...]`. With GUEST, only the rounds
 * in guests of these kinds run; without it, and for GUEST=glibc, all tests but those run.
 * @module
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { accelerator } from "./support/accel.ts";
import { ensureDeps } from "./support/deps.ts";
import { type GuestKind, GUESTS, isGuestKind } from "./support/guests.ts";
import { buildImage, type Variant } from "./support/image.ts";
import { projectDir } from "./support/paths.ts";
import { sweep } from "./support/qemu.ts";

/** Milliseconds that one test may take: emulated guests on a busy host are slow. */
const TEST_LIMIT = 600_000;

/** More machines at once than this make timings worse and gain nothing. */
const MOST = 3;

/** Above 80 seconds each. */
const LONGEST = [
  ...["guest_debian_network", "guest_debian"],
  ...["lifecycle_deno", "lifecycle_bun", "workload", "kinds"],
  ...[
    "vsock_deno",
    "vsock",
    "workload_deno",
    "guest_arm64_16k",
    "guest_musl",
    "disk",
  ],
  ...["libvirt", "qemu_ga"],
];

/** Lines that are told again with a failure. */
const LINES_BEFORE = 15;

/** Where `make summary` counts what ran. */
const junitDir = join(projectDir, "dist", "junit");

const start = performance.now();
/** What failed, by file: told again at the end, where it is found. */
const failures = new Map<string, string[]>();
/** The processes of the tests, and the end of each. */
const running = new Map<ReturnType<typeof spawn>, Promise<boolean>>();

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** The kinds of guests that GUEST names: words, or "all" that have a file of their own. */
function guestKinds(): GuestKind[] {
  const words = (process.env.GUEST ?? "").split(/[ ,]+/).filter(Boolean);
  if (words.length === 0) return [DEFAULT_KIND];
  const all = Object.keys(GUESTS).filter(isGuestKind);
  return words.flatMap((word) => {
    if (word === "all") return all.filter((kind) => kind !== DEFAULT_KIND);
    if (isGuestKind(word)) return [word];
    throw new Error(
      `Cannot run a guest ${word}: GUEST names ${all.join(", ")}, all`,
    );
  });
}

/** The guest of the files that name no kind of guest. */
const DEFAULT_KIND = "glibc";

/** The name of the test file of a kind of guest begins so. */
const GUEST_FILE = "guest_";

/** The test files, those that take longest first, so that no CPU idles at the end. */
function testFiles(
  parts: readonly string[],
  kinds: readonly GuestKind[],
): string[] {
  const folder = join(projectDir, "tests", "vm");
  const rank = (name: string) =>
    LONGEST.indexOf(name.slice(0, -".test.ts".length)) >>> 0;
  return readdirSync(folder)
    .filter((name) => name.endsWith(".test.ts"))
    .filter((name) =>
      name.startsWith(GUEST_FILE)
        ? kinds.some((kind) => filesOf(kind).includes(name))
        : kinds.includes(DEFAULT_KIND)
    )
    .filter((name) =>
      parts.length === 0 || parts.some((part) => name.includes(part))
    )
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((name) => join(folder, name));
}

/** The files of a kind of guest; two run at once. */
function filesOf(kind: GuestKind): string[] {
  const file = `${GUEST_FILE}${kind.replaceAll("-", "_")}`;
  const more = kind === "debian" ? [`${file}_network`] : [];
  return [file, ...more].map((name) => `${name}.test.ts`);
}

/** The failures among a file's lines, each with the lines before it. */
function failuresIn(lines: readonly string[]): string[] {
  return lines.flatMap((line, at) =>
    line.startsWith("(fail)")
      ? lines.slice(Math.max(0, at - LINES_BEFORE), at + 1)
      : []
  );
}

async function runFile(file: string): Promise<boolean> {
  const name = file.slice(file.lastIndexOf("/") + 1, -".test.ts".length);
  const begin = performance.now();
  // It ends with this process, however that ends; and its machines with it.
  const child = spawn("setpriv", [
    "--pdeathsig",
    "KILL",
    process.execPath,
    "test",
    "--timeout",
    `${TEST_LIMIT}`,
    "--reporter=junit",
    `--reporter-outfile=${join(junitDir, `vm-${name}.xml`)}`,
    file,
  ], { cwd: projectDir, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr] as Readable[]) {
    createInterface({ input: stream }).on("line", (line) => {
      if (line.trim() === "") return;
      lines.push(line);
      console.log(`${name.padEnd(15)} ${line}`);
    });
  }
  const { promise, resolve } = Promise.withResolvers<boolean>();
  child.on("error", () => resolve(false));
  child.on("close", (code) => resolve(code === 0));
  running.set(child, promise);
  const passed = await promise;
  running.delete(child);
  if (!passed) failures.set(name, failuresIn(lines));
  console.log(
    `${name.padEnd(15)} ${passed ? "passed" : "FAILED"} in ${seconds(begin)}`,
  );
  return passed;
}

/** Everything that the files share is built before they start. */
async function prepareImages(
  files: readonly string[],
  kinds: readonly GuestKind[],
): Promise<void> {
  ensureDeps();
  for (const guest of kinds) {
    if (guest === DEFAULT_KIND) continue;
    ensureDeps(console.log, guest);
    buildImage({ variant: "bun", guest });
  }
  if (kinds.includes(DEFAULT_KIND)) {
    const variants = new Set<Variant>(["none"]);
    for (const file of files) {
      variants.add(file.includes("deno") ? "deno" : "bun");
    }
    for (const variant of variants) buildImage({ variant });
  }
  await accelerator();
}

async function main(): Promise<number> {
  const kinds = guestKinds();
  const files = testFiles(process.argv.slice(2), kinds);
  if (files.length === 0) {
    throw new Error(
      `Cannot run tests: no file's name has ${
        process.argv.slice(2).join(", ")
      }`,
    );
  }
  await prepareImages(files, kinds);
  mkdirSync(junitDir, { recursive: true });
  const failed: string[] = [];
  const lanes = Math.max(1, Math.min(availableParallelism(), MOST));
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let file = files.shift(); file; file = files.shift()) {
      if (!await runFile(file)) failed.push(file);
    }
  }));
  for (const [name, lines] of failures) {
    console.log([`\n${name}:`, ...lines].join("\n"));
  }
  console.log(
    `vm-test: ${
      failed.length === 0 ? "all passed" : `${failed.length} failed`
    }, ${seconds(start)}`,
  );
  return failed.length === 0 ? 0 : 1;
}

/** Ends the tests; the machines of each die with it, see Qemu.start. */
async function end(): Promise<void> {
  for (const child of running.keys()) child.kill("SIGKILL");
  await Promise.all(running.values());
  sweep();
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, async () => {
    await end();
    process.exit(1);
  });
}
try {
  process.exitCode = await main();
} catch (error) {
  console.error(`vm-test: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
