/**
 * What a host requires before the guest counts as healthy: a new random pool, a new identity. A
 * requirement holds until it is met or withdrawn.
 * @module
 */
import type { LifecycleOptions } from "./options.ts";
import type { RenewedItem, StepReport } from "./reports.ts";
import type { RecoverRequest, Requirements } from "./request.ts";

/** Whether the reports say that the random pool is new. */
export function wasReseeded(steps: readonly StepReport[]): boolean {
  return steps.some(({ name, effect }) =>
    name === "entropy" && effect?.reseeded === true
  );
}

/** The items of the identity in the report of their repair. */
function itemsOf(report: StepReport | undefined): readonly RenewedItem[] {
  const { items = [] } = report?.effect ?? {};
  return items as readonly RenewedItem[];
}

/** The requirements of hosts, and what meets them. */
export class HostRequirements {
  #entropyRequired: boolean;
  #identityRequired: boolean;
  #reseeded = false;
  /** The items of the identity that the host asked for since the last recovery. */
  #items: readonly RenewedItem[] = [];
  /** True while items that came late are renewed. */
  #isRenewing = false;
  /** What was told last. */
  #told: Requirements;
  readonly #onRequired: LifecycleOptions["onRequired"];

  constructor({
    required = { entropy: false, identity: false },
    onRequired,
  }: Pick<LifecycleOptions, "required" | "onRequired">) {
    this.#entropyRequired = required.entropy;
    this.#identityRequired = required.identity;
    this.#told = required;
    this.#onRequired = onRequired;
  }

  /** True while the host requires a new random pool and the guest has none. */
  get lacksEntropy(): boolean {
    return this.#entropyRequired && !this.#reseeded;
  }

  /** True while the host requires a new identity, and an item of it is missing. */
  get lacksIdentity(): boolean {
    return this.#identityRequired && !this.#isRenewed;
  }

  /** The items of the identity; undefined if the host neither asked for one nor requires any. */
  get renewal():
    | { required: boolean; done: boolean; items: readonly RenewedItem[] }
    | undefined {
    const required = this.#identityRequired;
    if (!required && this.#items.length === 0) return undefined;
    return { required, done: this.#isRenewed, items: this.#items };
  }

  get #isRenewed(): boolean {
    return !this.#isRenewing && this.#items.length > 0 &&
      this.#items.every(({ status }) => status !== "failed");
  }

  /** Tells what a recovery requires, before its repairs run. */
  announce({ requireEntropy, requireRenewed }: RecoverRequest): void {
    this.#tell({
      entropy: requireEntropy ?? this.lacksEntropy,
      identity: requireRenewed ?? this.lacksIdentity,
    });
  }

  /** Starts over with the reports of a recovery. */
  recovered(
    { requireEntropy, requireRenewed }: RecoverRequest,
    steps: readonly StepReport[],
  ): void {
    const { lacksEntropy, lacksIdentity } = this;
    this.#reseeded = wasReseeded(steps);
    this.#entropyRequired = requireEntropy ?? lacksEntropy;
    this.#items = itemsOf(steps.find(({ name }) => name === "renew"));
    this.#identityRequired = requireRenewed ?? lacksIdentity;
    this.#tellMissing();
  }

  /** Adds what a late request requires, before its repairs run. */
  add({ requireEntropy, requireRenewed, renew }: RecoverRequest): void {
    this.#entropyRequired = requireEntropy ?? this.#entropyRequired;
    this.#identityRequired = requireRenewed ?? this.#identityRequired;
    this.#isRenewing = renew !== undefined;
    this.#tellMissing();
  }

  /** Takes the report of a late repair. */
  repaired(name: string, report: StepReport | undefined): void {
    if (name === "entropy" && report !== undefined && wasReseeded([report])) {
      this.#reseeded = true;
    }
    if (name === "renew") {
      this.#items = itemsOf(report);
      this.#isRenewing = false;
    }
    this.#tellMissing();
  }

  #tellMissing(): void {
    this.#tell({ entropy: this.lacksEntropy, identity: this.lacksIdentity });
  }

  #tell(required: Requirements): void {
    const { entropy, identity } = this.#told;
    if (required.entropy === entropy && required.identity === identity) return;
    this.#told = required;
    this.#onRequired?.(required);
  }
}
