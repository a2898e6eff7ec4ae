/**
 * What the lifecycle is made from.
 * @module
 */
import type { Evidence } from "./evidence.ts";
import type { Operation } from "./operation.ts";
import type { Plan } from "./plan.ts";
import type { Recovery } from "./recovery.ts";
import type { RecoverRequest } from "./request.ts";

/** What the lifecycle needs. */
export interface LifecycleOptions {
  readonly plan: Plan;
  /**
   * Makes a dry run of it: only the steps and repairs that the plan marks take part, and their
   * contexts say so. False if not given.
   */
  readonly dryRun?: boolean;
  readonly leaseSeconds: number;
  readonly newId: () => string;
  /** The generation to count on from; 0 if none is given. */
  readonly generation?: number;
  /** Looks for evidence of a restore since the prepare. */
  readonly evidence?: () => Promise<Evidence | undefined>;
  /** Called before the first step of a prepare; an error fails the prepare. */
  readonly onPrepare?: () => void;
  /** Called when the guest is about to be quiesced; an error fails the prepare. */
  readonly onQuiet?: (operation: Operation) => void;
  readonly onSettled?: () => void;
  /** Called when the guest runs again. */
  readonly onRunning?: (
    operation: Operation,
    recovery: Recovery,
    request: RecoverRequest,
  ) => void;
  /** Hears of an error in a callback, or in work that no caller waits for. */
  readonly onError?: (error: unknown) => void;
}
