/**
 * Repair `credentials`: puts the secrets that the host gave this fork into files. Step
 * `wipe-credentials`: removes the files before a snapshot. Step `wipe-memory`: removes what is left
 * of the secrets in memory.
 * @module
 */
import { existsSync } from "node:fs";
import type { CredentialFiles } from "../identity/credentials.ts";
import type { SecretTraces } from "../identity/traces.ts";
import { type Credential, forgetSecrets } from "../lifecycle/request.ts";
import type {
  Done,
  Repair,
  Skipped,
  Step,
  StepContext,
} from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";
import { MemoryZeroer } from "../memory/zero.ts";
import { messageOf } from "../util/errors.ts";

interface CredentialsOptions {
  readonly libc: Libc;
  /** The directory of the files. */
  readonly directory: string;
  /** Bytes of free memory that may be zeroed. */
  readonly zeroBytes: number;
}

/** Milliseconds that the zeroing of free memory may take. */
const ZERO_MS = 6000;

/** The repair and the steps. The code that does the work is loaded when a host sends secrets. */
export function credentialSteps(
  { libc, directory, zeroBytes }: CredentialsOptions,
): {
  readonly repair: Repair;
  readonly wipe: Step;
  readonly wipeMemory: Step;
} {
  let files: CredentialFiles | undefined;
  let traces: SecretTraces | undefined;
  /** Whether memory may have what is left of secrets. */
  let mayHaveTraces = false;

  async function load() {
    const { CredentialFiles } = await import("../identity/credentials.ts");
    return files ??= new CredentialFiles(libc, directory);
  }

  async function loadTraces() {
    const { SecretTraces } = await import("../identity/traces.ts");
    const { randomBytes } = await import("../identity/item.ts");
    return traces ??= new SecretTraces(libc, randomBytes);
  }

  /** Effect: `files`, how many, and `directory`. */
  async function write(credentials: ReadonlyMap<string, Credential>) {
    mayHaveTraces = true;
    const { size } = credentials;
    try {
      const noted = await loadTraces();
      for (const { data } of credentials.values()) noted.note(data);
      (await load()).write(credentials);
      return { files: size, directory };
    } finally {
      // Wherever they came from: the mailbox, or a call that ends later.
      forgetSecrets({ credentials });
    }
  }

  /**
   * Effect: `files`, how many were overwritten. There is no undo: after a prepare that fails later,
   * the host sends the secrets again.
   */
  async function wipe(): Promise<Done | Skipped> {
    const files = await load();
    if (!files.exist) return { skipped: "there are no credentials" };
    mayHaveTraces = true; // also if a killed agent has written them
    return { effect: { files: files.wipe() } };
  }

  /**
   * Effect: `overwritten`, the places in the agent's memory; `received`, packets that took the place
   * of others in the buffers of network devices; `filled`, bytes of memory of sockets; and `zeroed`,
   * if the step `zero` is not in this kind of snapshot.
   */
  async function wipeMemory({ kind, signal }: StepContext): Promise<Done> {
    const { overwriteReceiveBuffers } = await import(
      "../linux/receive_buffers.ts"
    );
    const { fillSockets } = await import("../memory/fill_sockets.ts");
    const overwritten = await (await loadTraces()).overwrite(signal);
    const received = await overwriteReceiveBuffers(libc, signal)
      .catch((error) => ({ failed: messageOf(error) }));
    const filled = fillSockets(libc);
    const zeroed = kind === "full"
      ? undefined
      : await new MemoryZeroer(libc).zero(zeroBytes, ZERO_MS, signal);
    mayHaveTraces = false;
    return {
      effect: { overwritten, received, filled, ...zeroed && { zeroed } },
    };
  }

  return {
    repair: {
      repair({ request: { credentials } }) {
        if (credentials === undefined) {
          return { skipped: "no credentials were given" };
        }
        return write(credentials);
      },
    },
    wipe: {
      quiesce() {
        // A killed agent may have written files.
        if (existsSync(directory)) return wipe();
        return { skipped: "there are no credentials" };
      },
    },
    wipeMemory: {
      quiesce(context) {
        if (!mayHaveTraces) return { skipped: "there were no credentials" };
        return wipeMemory(context);
      },
    },
  };
}
