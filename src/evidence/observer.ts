/**
 * Evidence of a restore: what the guest itself can know about whether it is
 * another machine than at the prepare.
 * @module
 */
import { compareClock, type Mark, takeMark } from "./clocks.ts";
import type { Evidence, EvidenceSource } from "./types.ts";
import { messageOf } from "../util/errors.ts";
import {
  type KernelLog,
  KernelLogWatch,
  kernelMessage,
  openKernelLog,
} from "../linux/kmsg.ts";
import type { Libc } from "../linux/libc.ts";
import type { MachineClock } from "../linux/machine_clock.ts";
import { hasGenerationId } from "../linux/vmgenid.ts";
import type { Runtime } from "../runtime/types.ts";

/**
 * drivers/char/random.c, crng_vm_fork(), since Linux 5.18; whole, so that no
 * name of a process or a disk inside another message passes for it.
 */
const FORK_WORDS = "random: crng reseeded due to virtual machine fork";
const FORK = kernelMessage(FORK_WORDS);

/** What the observer needs; tests give sources of their own. */
export interface EvidenceOptions {
  readonly libc: Libc;
  readonly runtime: Pick<Runtime, "openWatch">;
  /** The watch ended by itself: from now on, only `check` finds a fork. */
  readonly onError: (error: Error) => void;
  readonly openLog?: () => KernelLog;
  readonly clocks: readonly MachineClock[];
  readonly hasGenerationId?: () => boolean;
  /** performance.now(): goes while the guest runs. */
  readonly now?: () => number;
}

/** Looks for evidence between a mark, at the prepare, and now. */
export class EvidenceObserver {
  readonly #options: EvidenceOptions;
  readonly #clocks: readonly MachineClock[];
  readonly #now: () => number;
  readonly #watch: KernelLogWatch;
  #log: KernelLog | undefined;
  #noLog: string | undefined;
  #lost = false;
  #forkSeenAt: number | undefined;
  #mark: Mark | undefined;
  #onFork: (() => void) | undefined;

  constructor(options: EvidenceOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#clocks = options.clocks;
    this.#watch = new KernelLogWatch({
      libc: options.libc,
      runtime: options.runtime,
      onRecord: () => this.#look(),
      onError: options.onError,
    });
  }

  /** performance.now() as a fork was first seen since the mark. */
  get forkSeenAt(): number | undefined {
    return this.#forkSeenAt;
  }

  /** How often the kernel's log has woken this process while it watched. */
  get wakes(): number {
    return this.#watch.wakes;
  }

  /** From here on, whatever happens is evidence. Takes about a millisecond. */
  mark(): void {
    this.#lost = false;
    this.#forkSeenAt = undefined;
    this.#skipLog();
    this.#mark = takeMark(this.#clocks, this.#now());
  }

  /**
   * Calls back, once, as soon as the kernel says that this machine is a fork;
   * nothing runs until then, unless the kernel says something else. Throws
   * where the log cannot be watched.
   */
  watch(onFork: () => void): void {
    if (this.#log === undefined) throw new Error(this.#noLog);
    this.#onFork = onFork;
    this.#watch.arm();
    this.#look(); // what came between the mark and this line
  }

  /** Calls back no more. */
  unwatch(): void {
    this.#onFork = undefined;
    this.#watch.disarm();
  }

  /**
   * The evidence since the mark; can be asked as often as one likes. Where the
   * kernel has said that this is a fork, no clock is asked any more: the caller
   * waits, and it would add nothing.
   */
  check(): Evidence {
    if (this.#forkSeenAt === undefined) this.#readLog();
    const mark = this.#mark;
    if (mark === undefined) {
      throw new Error(
        "Cannot look for evidence: there is no mark to look from",
      );
    }
    const restored = this.#forkSeenAt !== undefined;
    const clocks = restored
      ? []
      : this.#clocks.map((clock) => compareClock(clock, mark, this.#now()));
    const fork = this.#generationId(restored);
    return {
      conclusive: restored || (fork.available && !this.#lost),
      restored,
      paused: restored || clocks.some(({ finding }) => finding !== undefined),
      sources: [fork, ...clocks],
    };
  }

  /** Calls back if a new record of the kernel's log says that this machine is a fork. */
  #look(): void {
    this.#readLog();
    if (this.#forkSeenAt === undefined) return;
    const onFork = this.#onFork;
    this.unwatch();
    onFork?.();
  }

  #generationId(restored: boolean): EvidenceSource {
    const name = "vmgenid";
    if (restored) {
      return {
        name,
        available: true,
        finding: "the kernel reseeded due to a virtual machine fork",
      };
    }
    const reason = this.#noLog ??
      (this.#hasGenerationId()
        ? undefined
        : "this machine has no VMGenID device with a driver");
    if (reason !== undefined) return { name, available: false, reason };
    return this.#lost
      ? { name, available: true, reason: "records of the kernel log were lost" }
      : { name, available: true };
  }

  #hasGenerationId(): boolean {
    return (this.#options.hasGenerationId ?? hasGenerationId)();
  }

  #readLog(): void {
    if (this.#log === undefined || this.#mark === undefined) return;
    const { found, lost } = this.#log.find(FORK);
    this.#lost ||= lost;
    if (found) this.#forkSeenAt ??= this.#now();
  }

  #skipLog(): void {
    try {
      const { libc, openLog = () => openKernelLog(libc) } = this.#options;
      this.#log ??= openLog();
      this.#log.skip();
      this.#noLog = undefined;
    } catch (error) {
      this.#log = undefined;
      this.#noLog = `Cannot read the kernel log: ${messageOf(error)}`;
    }
  }
}
