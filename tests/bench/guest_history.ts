/**
 * What a guest has done before it is snapshotted, and how a host treats the
 * agent inside it.
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Kind } from "../../src/lifecycle/request.ts";
import { until } from "../support/until.ts";
import type { Image } from "../vm/support/image.ts";
import type { Machine } from "../vm/support/machine.ts";
import { distDir } from "../vm/support/paths.ts";
import { which } from "../vm/support/run.ts";
import { pass } from "./stats.ts";

/** Where one agent is asked what. */
export interface Contract {
  /** POST here before the snapshot; it replies when the guest is ready for it. */
  readonly prepare: string;
  /** GET here after the restore. */
  readonly health: string;
  /** POST here after the restore, if the host tells the agent of it. */
  readonly recover?: string;
}

/** Lull's own. */
export const LULL: Contract = {
  prepare: "/snapshot/prepare?wait=settled",
  health: "/health",
  recover: "/snapshot/recover",
};

/** Milliseconds after its reply in which an agent other than Lull has settled, for all that we know. */
const PEER_SETTLE_MS = 1000;

/** An image whose /data has room for the history: 256 MiB of ext4. */
export function withRoom(image: Image): Image {
  const data = join(distDir, "bench-data.ext4");
  if (!existsSync(data)) {
    mkdirSync(distDir, { recursive: true });
    writeFileSync(data, "");
    truncateSync(data, 256 << 20);
    const args = ["-q", "-F", "-t", "ext4", "-m", "0", data];
    const made = spawnSync(which("mke2fs") ?? "mke2fs", args);
    if (made.status !== 0) {
      throw new Error(`Cannot make ${data}: ${made.stderr}`);
    }
  }
  return { ...image, data };
}

/**
 * One process writes 150 MB of files on a disk and deletes them, one allocates
 * 100 MB, fills them and frees them. The bytes repeat after a mebibyte, because
 * random ones are slow to make in an emulated guest; no page is zero.
 */
const HISTORY = `
set -e
head -c 1048576 /dev/urandom >/tmp/seed
for file in 1 2 3 4 5 6; do
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
    cat /tmp/seed
  done >/data/file$file
done
sync
rm /data/file*
for i in $(seq 100); do cat /tmp/seed; done | dd of=/dev/null bs=100M count=1 iflag=fullblock 2>/dev/null
rm /tmp/seed
`;

/** Gives a guest its history. */
export async function live(machine: Machine): Promise<void> {
  await machine.sh(HISTORY);
}

/**
 * The steps of a prepare, done by a shell. busybox's dd zeroes memory as Lull
 * does: it takes a buffer, fills it and gives it back.
 */
export const SHELL_PREPARE = `
sync
echo 1 >/proc/sys/vm/drop_caches
free=$(awk '/^MemFree/{print int($2 / 1024)}' /proc/meminfo)
dd if=/dev/zero of=/dev/null bs=$((free > 526 ? 512 : free - 14))M count=1 2>/dev/null
`;

/** Starts the agent again with that in its config file. */
export async function reconfigure(
  machine: Machine,
  config: Record<string, unknown>,
  { health }: Contract,
): Promise<void> {
  const text = JSON.stringify(config);
  const old = await machine.sh("pidof lull || pidof deno");
  await machine.sh(
    `mkdir -p /etc/lull; echo '${text}' >/etc/lull/config.json; kill ${old}`,
  );
  await until("the agent's new life", async () => {
    const { stdout } = await machine.exec("pidof lull || pidof deno");
    return stdout.trim() !== "" && stdout.trim() !== old;
  }, 30_000);
  await healthy(machine, health);
}

/** Asks until the agent is healthy; gives the milliseconds. */
export async function healthy(machine: Machine, path: string): Promise<number> {
  const start = performance.now();
  await until("the agent", async () => {
    try {
      const signal = AbortSignal.timeout(1000);
      return (await machine.fetch(path, { signal })).ok;
    } catch {
      return false; // not there yet
    }
  }, 120_000);
  return performance.now() - start;
}

/** Has the agent prepare, for that kind of snapshot, and waits until it has settled. */
export async function settleGuest(
  machine: Machine,
  contract: Contract,
  kind?: Kind,
): Promise<void> {
  const prepare = kind === undefined
    ? contract.prepare
    : `${contract.prepare}&kind=${kind}`;
  await prepareGuest(machine, { ...contract, prepare });
  if (contract !== LULL) await pass(PEER_SETTLE_MS);
}

/**
 * Has the agent prepare; gives its report if it has one. Asks once more where a
 * recovery came between: a health check that was given up while the machine
 * booted may arrive late.
 */
export async function prepareGuest(
  machine: Machine,
  { prepare }: Contract,
): Promise<unknown> {
  const ask = () => machine.fetch(prepare, { method: "POST" });
  let response = await ask();
  if (response.status === 409) response = await ask();
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`Cannot prepare: ${response.status} ${text}`);
  }
  return text === "" ? undefined : JSON.parse(text);
}
