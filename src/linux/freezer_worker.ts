/**
 * The worker that freezes mounts. A call on a mount may wait for ever, so it never runs on the
 * main thread. The worker also thaws the mounts when the hold ends, even if the main thread is
 * blocked in a write to a frozen filesystem. Started by mount_freezer.ts.
 * @module
 */
import { closeSync } from "node:fs";
import { messageOf } from "../util/errors.ts";
import { loadRuntime } from "../runtime/mod.ts";
import { workerScope } from "../runtime/worker_scope.ts";
import type {
  CommandKind,
  FreezerCommand,
  FreezerEvent,
  FreezerResults,
  FrozenMounts,
  Rescued,
  Thawed,
} from "./freezer_messages.ts";
import {
  freezeFilesystem,
  type MountedAt,
  type MountToFreeze,
  openMount,
  thawFilesystem,
} from "./fsfreeze.ts";
import { type Libc, loadLibc } from "./libc.ts";
import { realPath } from "./real_paths.ts";
import { trimFilesystem, type Trimmed } from "./trim.ts";

const scope = workerScope<FreezerCommand, FreezerEvent>();
const loading = load();
/** The frozen mounts with their descriptors, in the order in which to thaw them. */
let held: { readonly mount: string; readonly fd: number }[] = [];
let since = 0;
let timer: ReturnType<typeof setTimeout> | undefined;
let thawed: Thawed | undefined;

scope.onmessage = async ({ data: command }) => {
  const { kind } = command;
  try {
    const result = run(await loading, command);
    scope.postMessage({ kind: "answer", command: kind, result });
  } catch (error) {
    const reason = messageOf(error);
    scope.postMessage({ kind: "answer", command: kind, reason });
  }
};

await loading;

/** Says which thread this is, before any answer, and loads the C library. */
async function load(): Promise<Libc> {
  const runtime = await loadRuntime();
  scope.postMessage({ tid: runtime.threadId() });
  return loadLibc(runtime);
}

function run(
  libc: Libc,
  command: FreezerCommand,
): FreezerResults[CommandKind] {
  switch (command.kind) {
    case "resolve":
      return new Map(command.paths.map((path) => [path, resolve(path)]));
    case "freeze":
      return freeze(libc, command);
    case "thaw":
      return thaw(libc, false);
    case "rescue":
      return rescue(libc, command.mounts);
    case "trim":
      return command.mounts.map((mount) => trim(libc, mount, command.minimum));
  }
}

/** Names the path of the next call, for the error if that call does not return. */
function tell(path: string): void {
  scope.postMessage({ kind: "at", path });
}

function resolve(path: string): ReturnType<typeof realPath> {
  tell(path);
  return realPath(path);
}

function freeze(
  libc: Libc,
  { mounts, holdMs }: FreezerCommand & { kind: "freeze" },
): FrozenMounts {
  const already: string[] = [];
  const unsupported: string[] = [];
  since = performance.now();
  try {
    for (const mount of mounts) {
      const became = freezeOne(libc, mount);
      if (became === "already") already.push(mount.mountPoint);
      if (became === "unsupported") unsupported.push(mount.mountPoint);
    }
  } catch (error) {
    thaw(libc, false);
    throw error;
  }
  const left = since + holdMs - performance.now();
  timer = setTimeout(() => thaw(libc, true), left);
  return { frozen: held.map(({ mount }) => mount), already, unsupported };
}

function freezeOne(
  libc: Libc,
  mount: MountToFreeze,
): ReturnType<typeof freezeFilesystem> {
  const { mountPoint } = mount;
  let became: ReturnType<typeof freezeFilesystem> | undefined;
  tell(mountPoint);
  const fd = openMount(mount);
  try {
    became = freezeFilesystem(libc, fd, mountPoint);
  } finally {
    if (became !== "frozen") closeSync(fd);
  }
  if (became === "frozen") {
    held.unshift({ mount: mountPoint, fd });
    scope.postMessage({ kind: "froze", mount });
  }
  if (became === "unsupported" && mount.ifPossible !== true) {
    throw new Error(
      `Cannot freeze ${mountPoint}: its kind of filesystem cannot be frozen`,
    );
  }
  return became;
}

/** Thaws the mounts once; each later call gets the same answer. */
function thaw(libc: Libc, expired: boolean): Thawed {
  if (thawed !== undefined) return thawed;
  clearTimeout(timer);
  const became: Record<"thawed" | "not frozen", string[]> = {
    "thawed": [],
    "not frozen": [],
  };
  const failed: string[] = [];
  for (const { mount, fd } of held) {
    tell(mount);
    try {
      became[thawFilesystem(libc, fd, mount)].push(mount);
    } catch (error) {
      failed.push(`${mount}: ${messageOf(error)}`);
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

function rescue(libc: Libc, mounts: readonly MountedAt[]): Rescued {
  const thawed: string[] = [];
  const failed: string[] = [];
  const left: MountedAt[] = [];
  for (const mount of mounts) {
    const { mountPoint } = mount;
    tell(mountPoint);
    try {
      const fd = openMount(mount);
      try {
        const became = thawFilesystem(libc, fd, mountPoint);
        if (became === "thawed") thawed.push(mountPoint);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      failed.push(messageOf(error));
      left.push(mount);
    }
  }
  return { thawed, failed, left };
}

/** Trims one filesystem; an error is a part of the result. */
function trim(libc: Libc, mount: MountedAt, minimum: number): Trimmed {
  const { mountPoint: path } = mount;
  tell(path);
  try {
    const fd = openMount(mount);
    try {
      return trimFilesystem(libc, fd, path, minimum);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return { path, error: messageOf(error) };
  }
}
