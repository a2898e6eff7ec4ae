/**
 * Syncs the filesystems of this machine's disks, each for a limited time.
 * @module
 */
import { messageOf, since } from "../util/errors.ts";
import type { Libc } from "./libc.ts";
import { type Mount, readMounts } from "./mountinfo.ts";
import { chooseDisks } from "./disks.ts";
import { waitFor } from "../util/wait.ts";
import { FilesystemSync } from "./sync.ts";

/** The limit in milliseconds for all filesystems: they are synced at the same time. */
const LIMIT_MS = 9500;

/**
 * Milliseconds that mounts may take to be opened after their prepare was aborted. Later ones stay open
 * until the next prepare.
 */
const OPENING_MS = 1000;

/** The filesystems that were synced. */
export interface SyncedMounts {
  readonly [key: string]: unknown;
  /** One mount point for each filesystem. */
  readonly mounts: readonly string[];
  /** Mount points of FUSE and network filesystems, which are not synced. */
  readonly leftAlone?: readonly string[];
  readonly ms: number;
}

/** Some filesystems were not synced. The effect lists those that were. */
export class SyncError extends Error {
  override readonly name = "SyncError";
  constructor(reasons: readonly string[], readonly effect: SyncedMounts) {
    super(`Cannot sync every mount: ${reasons.join("; ")}`);
  }
}

/** Options for tests. */
export interface MountSyncerOptions {
  readonly limitMs?: number;
  readonly readMounts?: () => readonly Mount[];
}

/** A filesystem to sync. */
interface Disk {
  /** The mounts of the filesystem, at least one. One sync of one mount is enough. */
  readonly mounts: readonly Mount[];
  /** Whether this prepare has begun a sync; a sync of an earlier prepare may still be under way. */
  begun: boolean;
}

/**
 * Syncs by syncfs(2), which reports errors of a disk and does not touch network filesystems;
 * sync(2) does neither. At most one call per filesystem is under way, even if prepares give up
 * their calls.
 */
export class MountSyncer {
  readonly #libc: Libc;
  readonly #limitMs: number;
  readonly #readMounts: () => readonly Mount[];
  /** The sync that is under way for each filesystem, by its device. */
  readonly #syncs = new Map<string, FilesystemSync>();

  constructor(libc: Libc, options: MountSyncerOptions = {}) {
    this.#libc = libc;
    this.#limitMs = options.limitMs ?? LIMIT_MS;
    this.#readMounts = options.readMounts ?? readMounts;
  }

  /**
   * Syncs every writable filesystem on a disk, all at the same time. Rejects with a SyncError if
   * filesystems failed or did not answer within the limit, and as soon as the signal aborts. If
   * the call of an earlier prepare exceeds the limit, its filesystem fails at once until that
   * call ends.
   */
  async sync(signal?: AbortSignal): Promise<SyncedMounts> {
    signal?.throwIfAborted();
    const start = performance.now();
    const { disks, leftAlone } = chooseDisks(this.#readMounts());
    const mounts: string[] = [];
    const reasons: string[] = [];
    let waiting = disks.map((mounts): Disk => ({ mounts, begun: false }));
    const advanceAll = () => {
      waiting = waiting.filter((disk) => {
        const { mountPoint } = disk.mounts[0];
        try {
          const state = this.#advance(disk);
          if (state === "waiting") return true;
          if (state === "synced") mounts.push(mountPoint);
        } catch (error) {
          reasons.push(`${mountPoint}: ${messageOf(error)}`);
        }
        return false;
      });
      return waiting.length === 0;
    };
    await waitFor(advanceAll, this.#limitMs, signal);
    const why = signal?.aborted
      ? "the prepare was aborted"
      : `no answer within ${this.#limitMs} ms`;
    for (const { mounts: [{ mountPoint, device }] } of waiting) {
      this.#syncs.get(device)?.abandon();
      reasons.push(`${mountPoint}: ${why}`);
    }
    if (signal?.aborted) void this.#closeOpening();
    const effect: SyncedMounts = {
      mounts,
      ...(leftAlone.length > 0 ? { leftAlone } : {}),
      ms: since(start),
    };
    if (reasons.length > 0) throw new SyncError(reasons, effect);
    return effect;
  }

  /**
   * Continues the sync of one filesystem without waiting. Throws if the sync failed. A
   * filesystem that was unmounted in the meantime needs no sync.
   */
  #advance(disk: Disk): "waiting" | "synced" | "unmounted" {
    const { mounts: [{ device }] } = disk;
    const running = this.#syncs.get(device);
    if (running === undefined) {
      this.#begin(disk);
      return "waiting";
    }
    if (!this.#hasEnded(running, device)) {
      const late = performance.now() - running.begun >= this.#limitMs;
      if (disk.begun || !late) return "waiting";
      throw new Error("a sync that an earlier prepare began has not ended yet");
    }
    // That sync began before this prepare: later writes may not be on the disk yet.
    if (!disk.begun) return this.#advance(disk);
    if (running.error === undefined) return "synced";
    if (!running.opened && !this.#isMounted(device)) return "unmounted";
    throw new Error(running.error);
  }

  /** Closes mounts that are just being opened, so that the guest can unmount them. */
  async #closeOpening(): Promise<void> {
    const opening = [...this.#syncs].filter(([, sync]) => sync.isOpening);
    await waitFor(() =>
      opening.every(([device, sync]) => {
        // Another prepare may go on with the sync.
        if (this.#syncs.get(device) !== sync) return true;
        try {
          return this.#hasEnded(sync, device);
        } catch {
          return true; // no further mount of it is opened
        }
      }), OPENING_MS);
  }

  /** Whether a sync has ended, with or without an error. Removes an ended sync. */
  #hasEnded(sync: FilesystemSync, device: string): boolean {
    let ended = true;
    try {
      ended = sync.advance();
    } catch (error) {
      sync.abandon();
      throw error;
    } finally {
      if (ended) this.#syncs.delete(device);
    }
    return ended;
  }

  #isMounted(device: string): boolean {
    return this.#readMounts().some((mount) => mount.device === device);
  }

  #begin(disk: Disk): void {
    const { mounts } = disk;
    this.#syncs.set(
      mounts[0].device,
      new FilesystemSync(this.#libc, mounts),
    );
    disk.begun = true;
  }
}
