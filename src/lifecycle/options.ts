/**
 * What the spine is made from, and what a prepare may ask of it.
 * @module
 */
import type { Evidence } from "../evidence_report.ts";
import type { Operation } from "./operation.ts";
import type { Plan } from "./plan.ts";
import type { Recovery } from "./recovery.ts";
import type { RecoverRequest } from "./step.ts";

/** What a prepare may ask for. */
export interface PrepareRequest {
  /** The operation's id; one is made where none is given. */
  readonly operation?: string;
  /** The lease in seconds, the configured one where none is given. */
  readonly lease?: number;
}

/** What the spine needs of the world. */
export interface LifecycleOptions {
  readonly plan: Plan;
  readonly leaseSeconds: number;
  readonly newId: () => string;
  /** Milliseconds that a prepare waits for what the last operation still does. */
  readonly handOverMs?: number;
  /** The generation to count on from; 0 where none is given. */
  readonly generation?: number;
  /** Does what no caller need wait for; at once where it is not given. */
  readonly later?: (action: () => void) => void;
  /** Looks for evidence of a restore since the prepare; never rejects. */
  readonly evidence?: () => Promise<Evidence | undefined>;
  /** Called before a prepare's first step. */
  readonly onPrepare?: () => void;
  /** Called as the guest gets quiet, as it has settled, and as it runs again. */
  readonly onQuiet?: (operation: Operation) => void;
  readonly onSettled?: () => void;
  readonly onRunning?: (
    operation: Operation,
    recovery: Recovery,
    request: RecoverRequest,
  ) => void;
}
