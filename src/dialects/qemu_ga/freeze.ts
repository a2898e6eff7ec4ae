/**
 * Maps the freeze of filesystems onto the lifecycle: a freeze is a prepare of kind `disk`, a thaw is
 * its recovery. The lease of the operation thaws a guest whose host has gone.
 * @module
 */
import { OtherKind, OtherOperation } from "../../lifecycle/errors.ts";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import { PrepareFailed } from "../../lifecycle/recovery.ts";
import type { Recovery, StepReport } from "../../lifecycle/reports.ts";
import { holdBeyond } from "../hold.ts";
import { ProtocolError } from "./errors.ts";

/** The step that freezes filesystems. */
const STEP = "freeze-mounts";

/** What the freeze needs. */
export interface FreezeOptions {
  readonly lifecycle: Pick<
    Lifecycle,
    "state" | "operation" | "lastRecovery" | "prepare" | "settle" | "recover"
  >;
  readonly newId: () => string;
  /** The lease of a freeze in seconds. */
  readonly leaseSeconds: number;
  /** Whether this agent has thawed, at its start, what a killed agent had frozen. */
  readonly thawedAtStart?: boolean;
}

/** The freeze of filesystems by this protocol; the lifecycle has its state. */
export class FilesystemFreeze {
  readonly #options: FreezeOptions;
  /** The operation of the last freeze, until its thaw. */
  #operation: string | undefined;
  /** A thaw that comes now is that of a freeze by a killed agent. */
  #lost: boolean;

  constructor(options: FreezeOptions) {
    this.#options = options;
    this.#lost = options.thawedAtStart === true;
  }

  /** Whether any operation of the lifecycle keeps filesystems frozen. */
  get status(): "thawed" | "frozen" {
    const { state, operation } = this.#options.lifecycle;
    const frozen = state !== "running" && operation !== undefined &&
      operation.lapsed === undefined &&
      listOf(operation.reports, "frozen").length > 0;
    return frozen ? "frozen" : "thawed";
  }

  /**
   * Freezes the filesystems that have these mount points, or all. Returns how many are frozen. With
   * none, the guest runs on. A freeze that fails is undone, and this rejects.
   */
  async freeze(mounts?: readonly string[]): Promise<number> {
    const { lifecycle, newId, leaseSeconds: lease } = this.#options;
    const id = newId();
    const freeze = { ...mounts && { mounts }, holdMs: holdBeyond(lease) };
    this.#lost = false;
    try {
      const operation = await lifecycle.prepare({
        ...{ operation: id, kind: "disk", lease, freeze },
      });
      this.#operation = id;
      if (!await lifecycle.settle(operation)) {
        throw endedEarly(lifecycle.lastRecovery, id);
      }
      const { length } = listOf(operation.reports, "frozen");
      if (length === 0) await this.#recover();
      return length;
    } catch (error) {
      throw refused(error);
    }
  }

  /**
   * Thaws what the last freeze froze. Returns how many filesystems it thawed. Rejects if they thawed
   * before, because a disk that was copied after that is not consistent.
   */
  async thaw(): Promise<number> {
    const { lifecycle } = this.#options;
    const id = this.#operation;
    if (id === undefined) {
      if (this.#lost) {
        this.#lost = false;
        throw new ProtocolError(
          "Cannot confirm the freeze: the agent was killed, and the filesystems thawed at its next start",
        );
      }
      if (this.status === "thawed") return 0;
      throw new ProtocolError(
        "Cannot thaw the filesystems: another host's operation has frozen them",
      );
    }
    const { operation } = lifecycle;
    if (lifecycle.state === "running" || operation?.id !== id) {
      this.#operation = undefined;
      throw endedEarly(lifecycle.lastRecovery, id);
    }
    const recovery = await this.#recover();
    const undo = recovery?.steps.find(({ name }) => name === STEP);
    if (undo === undefined || recovery?.trigger !== "recover") {
      throw endedEarly(recovery, id);
    }
    if (undo.status !== "done") {
      throw new ProtocolError(
        `Cannot thaw the filesystems: ${undo.reason ?? undo.status}`,
      );
    }
    if (undo.effect?.expired === true) {
      throw new ProtocolError(
        "Cannot confirm the freeze: the filesystems thawed by themselves before the thaw, because they were frozen too long",
      );
    }
    return listOf([undo], "thawed").length;
  }

  async #recover(): Promise<Recovery | undefined> {
    const operation = this.#operation;
    const { recovery } = await this.#options.lifecycle.recover(
      { trigger: "recover" },
      { operation },
    );
    this.#operation = undefined;
    return recovery;
  }
}

/** A list of mount points in the effect of the step. */
function listOf(
  reports: readonly StepReport[],
  field: "frozen" | "thawed",
): readonly unknown[] {
  const step = reports.find(({ name }) => name === STEP);
  const list = step?.effect?.[field];
  return Array.isArray(list) ? list : [];
}

function refused(error: unknown): unknown {
  if (error instanceof OtherOperation || error instanceof OtherKind) {
    return new ProtocolError(
      "Cannot freeze the filesystems: the guest is quiesced for another operation",
    );
  }
  if (error instanceof PrepareFailed) return new ProtocolError(error.message);
  return error;
}

function endedEarly(recovery: Recovery | undefined, id: string): ProtocolError {
  const by = recovery?.operation === id ? ` (${recovery.trigger})` : "";
  return new ProtocolError(
    `Cannot confirm the freeze: its operation ended before the thaw${by}`,
  );
}
