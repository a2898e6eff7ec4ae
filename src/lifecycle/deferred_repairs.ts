/**
 * Repairs with data that the host sends after the recovery: a guest that
 * recovered on its own, or by a bare health check, still gets the right time, new
 * random numbers, its own addresses, and the outcome that the host knows.
 * @module
 */
import type { LifecycleOptions } from "./options.ts";
import type { PlannedRepair } from "./make_plan.ts";
import type { RepairName } from "./plan.ts";
import type { Recovery, StepReport } from "./reports.ts";
import type { Field, Outcome, RecoverRequest, Trigger } from "./request.ts";
import { HostRequirements, wasReseeded } from "./requirements.ts";
import { run, STOP_MS } from "./run.ts";
import { RunningWork } from "./running_work.ts";
import type { Effect, Found, Skipped } from "./step.ts";

/** The repair that applies a field. */
const REPAIR_OF = {
  entropy: "entropy",
  hostTime: "clock",
  network: "network",
  renew: "renew",
  credentials: "credentials",
  env: "env",
} as const satisfies Partial<Record<Field, RepairName>>;
type RepairField = keyof typeof REPAIR_OF;
const REPAIR_FIELDS = Object.keys(REPAIR_OF) as RepairField[];

const FIELDS: readonly Field[] = [
  ...REPAIR_FIELDS,
  ...["outcome", "requireEntropy", "requireRenewed"] as const,
];

/** The fields of a request that change something. */
export function fieldsOf(request: RecoverRequest): Field[] {
  return FIELDS.filter((field) => request[field] !== undefined);
}

/** Applies the data that arrives after the last recovery. */
export class DeferredRepairs {
  readonly #repairs: ReadonlyMap<string, PlannedRepair>;
  readonly #reports = new Map<string, StepReport>();
  #recovery: Recovery | undefined;
  /** The identity that was applied last. */
  #network: RecoverRequest["network"];
  #clockSet = false;
  readonly #requirements: HostRequirements;
  #queue: Promise<unknown> = Promise.resolve();
  /** Repairs that did not stop at their limit: no prepare begins beside them. */
  readonly running = new RunningWork();

  constructor(
    repairs: readonly PlannedRepair[],
    options: Pick<LifecycleOptions, "required" | "onRequired"> = {},
  ) {
    this.#repairs = new Map(repairs.map((repair) => [repair.name, repair]));
    this.#requirements = new HostRequirements(options);
  }

  /** Reports of the repairs after the last recovery; of each repair, the last attempt. */
  get reports(): readonly StepReport[] {
    return [...this.#reports.values()];
  }

  /** The last recovery, with the outcome that the host sent after it. */
  get recovery(): Recovery | undefined {
    return this.#recovery;
  }

  /** What hosts require before the guest counts as healthy. */
  get requirements(): Omit<HostRequirements, "recovered" | "add" | "repaired"> {
    return this.#requirements;
  }

  /**
   * Starts over with a new recovery. Returns the fields of its request that its
   * repairs could not apply. The requirements of entropy and of a new identity remain until
   * they are met or withdrawn.
   */
  begin(recovery: Recovery, request: RecoverRequest): Field[] {
    const reportOf = (name: string) =>
      recovery.steps.find((step) => step.name === name);
    this.undone(recovery);
    this.#network = reportOf("network")?.status === "done"
      ? request.network
      : undefined;
    this.#clockSet = reportOf("clock")?.status === "done";
    this.#requirements.recovered(request, recovery.steps);
    return REPAIR_FIELDS.filter((field) =>
      request[field] !== undefined &&
      !this.#isApplied(field, reportOf(REPAIR_OF[field]))
    );
  }

  /** Starts over with the undo of a failed prepare, which repairs nothing. */
  undone(recovery: Recovery): Field[] {
    this.#recovery = recovery;
    this.#reports.clear();
    return [];
  }

  /** Resolves when all data that has arrived so far is applied. */
  get idle(): Promise<unknown> {
    return this.#queue;
  }

  /** Runs work of a repair that has to wait for the reply, before the next prepare. */
  later(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch(() => {});
  }

  /**
   * Applies the data of a request, one request at a time, and returns the fields that
   * could not be applied. If `ended` is given, first waits for that transition, and
   * applies nothing if it was no recovery. Data that is sent twice is applied twice,
   * with the same result.
   */
  applyLate(
    trigger: Trigger,
    request: RecoverRequest,
    ended?: Promise<Recovery | undefined>,
  ): Promise<readonly Field[]> {
    if (fieldsOf(request).length === 0) return Promise.resolve([]);
    const applied = this.#queue.then(async () => {
      if (ended !== undefined && await ended === undefined) return [];
      // Each health check sends the time; the clock is set once.
      const owesClock = this.#recovery !== undefined && !this.#clockSet;
      if (trigger === "health" && !owesClock) return [];
      return await this.#apply(request);
    });
    this.#queue = applied.catch(() => {});
    return applied;
  }

  async #apply(request: RecoverRequest): Promise<Field[]> {
    this.#requirements.add(request);
    const failed: Field[] = [];
    for (const field of REPAIR_FIELDS) {
      if (request[field] === undefined) continue;
      if (field === "network" && await this.#hasNetwork(request)) continue;
      const report = await this.#repair(REPAIR_OF[field], request);
      this.#requirements.repaired(field, report);
      const isApplied = this.#isApplied(field, report);
      if (!isApplied) failed.push(field);
      // After a failure, the guest may have a part of the new identity: the former one is applied
      // again if a host sends it.
      if (field === "network") {
        this.#network = isApplied ? request.network : undefined;
      }
      if (field === "hostTime" && isApplied) this.#clockSet = true;
    }
    if (!await this.#applyOutcome(request)) failed.push("outcome");
    return failed;
  }

  /** Whether the report says that the field's data was applied. */
  #isApplied(field: RepairField, report: StepReport | undefined): boolean {
    if (report?.status !== "done") return false;
    return field !== "entropy" || wasReseeded([report]);
  }

  /** Whether this identity was applied last, and the guest still has it. */
  async #hasNetwork(request: RecoverRequest): Promise<boolean> {
    const { network } = request;
    if (JSON.stringify(network) !== JSON.stringify(this.#network)) return false;
    return await this.#repairs.get("network")?.isInPlace?.(request) ?? true;
  }

  /**
   * Applies the outcome. If the host reports a restore after the recovery, stale
   * connections are reset. The actions of a restore cannot be undone: the outcome
   * `restored` cannot be replaced by another one.
   */
  async #applyOutcome(request: RecoverRequest): Promise<boolean> {
    const { outcome } = request;
    if (outcome === undefined) return true;
    const former = this.#recovery?.outcome;
    if (former === outcome) return true;
    if (former === undefined || former === "restored") return false;
    if (outcome === "restored") {
      const report = await this.#repair("reset-connections", request, outcome);
      const { status } = report ?? {};
      if (status === "failed" || status === "timeout") return false;
    }
    this.#recovery = { ...this.#recovery!, outcome };
    await this.#repair("generation", request, outcome);
    this.#reports.set("outcome", {
      ...{ name: "outcome", status: "done", ms: 0 },
      effect: { from: former, to: outcome },
    });
    return true;
  }

  /** The report of the repair, or undefined if the plan has no such repair. */
  async #repair(
    name: RepairName,
    request: RecoverRequest,
    outcome: Outcome = this.#recovery?.outcome ?? "resumed",
  ): Promise<StepReport | undefined> {
    const repair = this.#repairs.get(name);
    if (repair === undefined) return undefined;
    const { operation = "", generation = 0, kind = "full" } = this.#recovery ??
      {};
    await this.running.idle();
    const { report, running } = await run<Effect | Skipped | Found>(
      { name, limitMs: repair.limitMs },
      (signal) =>
        repair.repair({
          ...{ operation, generation, kind, outcome, request, signal },
          ...{ trigger: "recover", wasQuiesced: true },
        }),
    );
    if (running) this.running.addUndo(name, STOP_MS, running);
    this.#reports.set(name, report);
    return report;
  }
}
