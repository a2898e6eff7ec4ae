/**
 * Repair: makes the kernel's random pool different from that of every other fork.
 * @module
 */
import {
  type Effect,
  type RecoveryContext,
  type Repair,
  type Skipped,
  SKIPPED_IN_DRY_RUN,
  WITHOUT_LIBC,
} from "../lifecycle/step.ts";
import { addEntropy, readHardware, reseed } from "../linux/entropy.ts";
import type { Libc } from "../linux/libc.ts";
import { hasGenerationId } from "../linux/vmgenid.ts";
import { messageOf } from "../util/errors.ts";

/** The number of bytes to read from a hardware source: the size of the kernel's key. */
const HARDWARE_BYTES = 32;
const HARDWARE_LIMIT_MS = 250;

/** The bounds of the entropy that a caller may give, in bytes. */
export const ENTROPY_BYTES = { least: 16, most: 512 } as const;

interface EntropyOptions {
  readonly libc: Libc;
  /** True if the kernel said that it reseeded for a fork of this machine. */
  readonly kernelReseeded: () => boolean;
  /** Whether the kernel notices by itself that this machine is a fork. */
  readonly hasGenerationId?: () => boolean;
  /** Reads bytes from a hardware source; undefined if there is none. */
  readonly hardware?: (signal: AbortSignal) => Promise<Uint8Array | undefined>;
}

/**
 * Effect: `sources` that gave entropy, `bytes` from the caller and the hardware, `accepted` by the
 * kernel, `reseeded`. The last is true only if the kernel's new key contains entropy from outside
 * the snapshot.
 */
export function entropyRepair(options: EntropyOptions): Repair {
  const { libc, kernelReseeded } = options;
  const hardware = options.hardware ??
    ((signal) =>
      readHardware(HARDWARE_BYTES, { limitMs: HARDWARE_LIMIT_MS, signal }));
  return {
    async repair(context) {
      const { entropy } = context.request;
      const byKernel = kernelReseeded();
      if (context.dryRun) return await tryHardware(context.signal);
      // The kernel has already made a new key for this fork.
      return byKernel && entropy === undefined
        ? { sources: ["kernel"], bytes: 0, accepted: false, reseeded: true }
        : await renew(context, byKernel);
    },
  };

  /**
   * The read needs threads and code that nothing else has used. Without this, each fork would get
   * them while its caller waits: 17 major faults, and 190 touched pages (natively, on Bun).
   */
  async function tryHardware(signal: AbortSignal): Promise<Skipped> {
    const fromKernel = options.hasGenerationId ?? hasGenerationId;
    // A recovery reports an error of this read.
    if (!fromKernel()) await hardware(signal).catch(() => {});
    return SKIPPED_IN_DRY_RUN;
  }

  async function renew(
    { request, signal }: RecoveryContext,
    byKernel: boolean,
  ): Promise<Effect | Skipped> {
    const { entropy } = request;
    if (libc.ioctl === undefined && !byKernel) return WITHOUT_LIBC;
    const problems: string[] = [];
    const given = new Map<string, Uint8Array>();
    if (entropy !== undefined) given.set("request", entropy);
    // A hardware source delays the first reply by 10 ms, so it is read only if there is no other
    // entropy that other forks do not have.
    if (entropy === undefined && !byKernel) {
      try {
        const bytes = await hardware(signal);
        if (bytes !== undefined) given.set("hardware", bytes);
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
    const mixed = mix(libc, given, problems);
    const sources = byKernel ? ["kernel", ...mixed.sources] : mixed.sources;
    const reseeded = byKernel || mixed.reseeded;
    if (sources.length === 0 && problems.length === 0) {
      problems.push("no source of entropy from outside the snapshot");
    }
    return {
      sources,
      bytes: mixed.bytes,
      accepted: mixed.sources.length > 0,
      reseeded,
      ...(problems.length > 0 ? { problems } : {}),
    };
  }
}

function mix(
  libc: Libc,
  given: ReadonlyMap<string, Uint8Array>,
  problems: string[],
): { sources: string[]; bytes: number; reseeded: boolean } {
  const sources: string[] = [];
  let bytes = 0;
  for (const [source, entropy] of given) {
    try {
      addEntropy(libc, entropy);
      sources.push(source);
      bytes += entropy.length;
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  try {
    // Even without new entropy: the kernel mixes in the CPU's own generator if it has one. The agent
    // cannot see whether it has one, so this does not count as reseeded.
    reseed(libc);
  } catch (error) {
    problems.push(messageOf(error));
    return { sources, bytes, reseeded: false };
  }
  return { sources, bytes, reseeded: sources.length > 0 };
}
