/**
 * Freezes mounts in a thread of its own: FIFREEZE may block for as long as a
 * disk takes, and the limit of the hold must also hold while the agent itself
 * is stuck in a write to a frozen filesystem. Run as a worker by
 * mount_freezer.ts.
 * @module
 */
import { closeSync, readlinkSync } from "node:fs";
import { loadRuntime } from "../runtime/mod.ts";
import type { WorkerHello } from "../runtime/types.ts";
import type { FreezerNews, FreezerOrder, Thawed } from "./freezer_messages.ts";
import { freezeFilesystem, openMount, thawFilesystem } from "./fsfreeze.ts";
import { type Libc, loadLibc } from "./libc.ts";

interface WorkerScope {
  postMessage(message: FreezerNews | WorkerHello): void;
  onmessage: ((event: MessageEvent<FreezerOrder>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
const loading = loadRuntime().then(loadLibc);
/** The frozen mounts, with their descriptors, in the order of their thaw. */
let held: { readonly mount: string; readonly fd: number }[] = [];
let since = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let thawed: Thawed | undefined;

scope.onmessage = async ({ data: order }) => {
  try {
    const libc = await loading;
    if (order.kind === "freeze") freeze(libc, order);
    else scope.postMessage({ kind: "thawed", ...thaw(libc, false) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    scope.postMessage({ kind: "failed", order: order.kind, reason });
  }
};

// proc(5): /proc/thread-self is PID/task/TID
const tid = Number(readlinkSync("/proc/thread-self").split("/").pop());
scope.postMessage({ tid });

function freeze(
  libc: Libc,
  { mounts, holdMs }: FreezerOrder & { kind: "freeze" },
): void {
  const already: string[] = [];
  since = performance.now();
  try {
    for (const mount of mounts) {
      const fd = openMount(mount);
      if (freezeOne(libc, fd, mount) === "already") already.push(mount);
    }
  } catch (error) {
    thaw(libc, false);
    throw error;
  }
  const left = since + holdMs - performance.now();
  timer = setTimeout(() => thaw(libc, true), left);
  const frozen = held.map(({ mount }) => mount);
  scope.postMessage({ kind: "frozen", frozen, already });
}

function freezeOne(
  libc: Libc,
  fd: number,
  mount: string,
): "frozen" | "already" {
  let became: "frozen" | "already" | undefined;
  try {
    became = freezeFilesystem(libc, fd, mount);
  } finally {
    if (became !== "frozen") closeSync(fd);
  }
  if (became === "frozen") {
    held.unshift({ mount, fd });
    scope.postMessage({ kind: "froze", mount });
  }
  return became;
}

/** The first thaw tells; whoever asks again gets the same answer. */
function thaw(libc: Libc, expired: boolean): Thawed {
  if (thawed !== undefined) return thawed;
  clearTimeout(timer);
  const became: Record<"thawed" | "not frozen", string[]> = {
    "thawed": [],
    "not frozen": [],
  };
  const failed: string[] = [];
  for (const { mount, fd } of held) {
    try {
      became[thawFilesystem(libc, fd, mount)].push(mount);
    } catch (error) {
      failed.push(
        `${mount}: ${error instanceof Error ? error.message : error}`,
      );
    }
    closeSync(fd);
  }
  held = [];
  return thawed = {
    thawed: became.thawed,
    notFrozen: became["not frozen"],
    failed,
    expired,
    heldMs: performance.now() - since,
  };
}
