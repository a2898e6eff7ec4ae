/**
 * Finds evidence, inside the guest, that the machine was paused or restored since the prepare.
 * @module
 */
import { compareClock, type Mark, takeMark } from "./clocks.ts";
import {
  compareVmClock,
  takeVmClock,
  type VmClockEvidence,
  type VmClockReading,
} from "./vmclock.ts";
import type { Evidence, EvidenceSource } from "../lifecycle/reports.ts";
import { messageOf } from "../util/errors.ts";
import {
  type KernelLog,
  KernelLogWatch,
  openKernelLog,
} from "../linux/kmsg.ts";
import type { Libc } from "../linux/libc.ts";
import type { MachineClock } from "../linux/machine_clock.ts";
import { readVmClock, type VmClock } from "../linux/vmclock.ts";
import { hasGenerationId } from "../linux/vmgenid.ts";
import type { Runtime } from "../runtime/types.ts";

/**
 * The VM-fork message: crng_vm_fork() in drivers/char/random.c, since Linux 5.18. Only a record
 * with exactly this message counts: another message may contain names of processes or disks.
 */
const FORK_WORDS = "random: crng reseeded due to virtual machine fork";

/** The evidence of a source that says for certain that this machine is a fork. */
const FORK = { conclusive: true, restored: true, paused: true } as const;

/** What the observer needs. Tests replace the sources. */
export interface EvidenceOptions {
  readonly libc: Libc;
  readonly runtime: Pick<Runtime, "openWatch">;
  /** Called when an error ended the watch: from then on, only `check` finds a fork. */
  readonly onError: (error: Error) => void;
  readonly openLog?: () => KernelLog;
  readonly clocks: readonly MachineClock[];
  readonly hasGenerationId?: () => boolean;
  /** Reads the VMClock device; undefined if there is none. */
  readonly readVmClock?: () => VmClock | undefined;
  /** performance.now(): goes while the guest runs. */
  readonly now?: () => number;
}

/** Looks for evidence since a mark, which the prepare sets. */
export class EvidenceObserver {
  readonly #options: EvidenceOptions;
  readonly #clocks: readonly MachineClock[];
  readonly #now: () => number;
  readonly #watch: KernelLogWatch;
  #log: KernelLog | undefined;
  #noLog: string | undefined;
  #lost = false;
  #forkSeenAt: number | undefined;
  #kernelSaysFork = false;
  #mark: Mark | undefined;
  #vmClock: VmClockReading = "";
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

  /** performance.now() when the evidence of a fork was first seen since the mark. */
  get forkSeenAt(): number | undefined {
    return this.#forkSeenAt;
  }

  /** Whether the kernel log has the VM-fork message: the kernel has reseeded the random pool. */
  get kernelReseeded(): boolean {
    return this.#kernelSaysFork;
  }

  /** The number of times that the kernel log woke this process during watches. */
  get wakes(): number {
    return this.#watch.wakes;
  }

  /** Sets the mark: only pauses and restores after it count. Takes about a millisecond. */
  mark(): void {
    this.#lost = false;
    this.#forkSeenAt = undefined;
    this.#kernelSaysFork = false;
    this.#skipLog();
    this.#vmClock = takeVmClock(() => this.#readVmClock());
    this.#mark = takeMark(this.#clocks, this.#now());
  }

  /**
   * Calls back, once, as soon as the kernel log has the VM-fork message. The process wakes only
   * if the kernel writes a record. Throws if the log cannot be watched.
   */
  watch(onFork: () => void): void {
    if (this.#log === undefined) throw new Error(this.#noLog);
    this.#onFork = onFork;
    this.#watch.arm();
    this.#look(); // records since the mark
  }

  /** Ends the watch. */
  unwatch(): void {
    this.#onFork = undefined;
    this.#watch.disarm();
  }

  /**
   * Returns the evidence since the mark. Can be called any number of times. If a source says for
   * certain that this is a fork, the sources after it are not read: that would delay the caller and
   * add nothing.
   */
  check(): Evidence {
    if (!this.#kernelSaysFork) this.#readLog();
    const mark = this.#mark;
    if (mark === undefined) {
      throw new Error(
        "Cannot look for evidence: there is no mark to look from",
      );
    }
    const byKernel = this.#kernelSaysFork;
    const fork = this.#generationId(byKernel);
    if (byKernel) return { ...FORK, sources: [fork] };
    const vmClock = this.#compareVmClock();
    if (vmClock.restored) return { ...FORK, sources: [fork, vmClock.source] };
    const clocks = this.#clocks.map((clock) =>
      compareClock(clock, mark, this.#now())
    );
    return {
      conclusive: vmClock.restored === false || (fork.available && !this.#lost),
      restored: false,
      paused: vmClock.disrupted ||
        clocks.some(({ finding }) => finding !== undefined),
      sources: [fork, vmClock.source, ...clocks],
    };
  }

  #compareVmClock(): VmClockEvidence {
    const found = compareVmClock(this.#vmClock, () => this.#readVmClock());
    if (found.restored) this.#forkSeenAt ??= this.#now();
    return found;
  }

  #readVmClock(): VmClock | undefined {
    return (this.#options.readVmClock ?? readVmClock)();
  }

  /** Calls back if a new record of the kernel's log says that this machine is a fork. */
  #look(): void {
    this.#readLog();
    if (!this.#kernelSaysFork) return;
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
    const { found, lost } = this.#log.find(FORK_WORDS);
    this.#lost ||= lost;
    if (!found) return;
    this.#kernelSaysFork = true;
    this.#forkSeenAt ??= this.#now();
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
