/**
 * Steps whose every move a test decides and sees.
 */
import type {
  Parts,
  Plan,
  PlannedStep,
} from "../../src/lifecycle/make_plan.ts";
import { KINDS } from "../../src/lifecycle/request.ts";
import type {
  Done,
  RecoveryContext,
  Skipped,
  StepContext,
} from "../../src/lifecycle/step.ts";

/** What a fake step does; by default it notes both of its calls. */
export interface FakeStep {
  readonly name: string;
  /** All kinds if not given. */
  readonly kinds?: PlannedStep["kinds"];
  readonly onFailure?: PlannedStep["onFailure"];
  readonly limitMs?: number;
  readonly stopMs?: number;
  readonly needsIdle?: boolean;
  readonly undoBefore?: string;
  quiesce?(
    context: StepContext,
  ): Promise<Done | Skipped | void> | Done | Skipped | void;
  undo?(context: RecoveryContext): Promise<void> | void;
}

/** A plan of fakes, and the list of what happened, in order. */
export function fakePlan(
  beforeReply: FakeStep[],
  settle: FakeStep[] = [],
): { plan: Plan; seen: string[] } {
  const seen: string[] = [];
  const make = (fake: FakeStep): PlannedStep => ({
    name: fake.name,
    kinds: fake.kinds ?? KINDS,
    limitMs: fake.limitMs ?? 1000,
    onFailure: fake.onFailure ?? "abort",
    stopMs: fake.stopMs ?? 20,
    needsIdle: fake.needsIdle,
    undoBefore: fake.undoBefore,
    async quiesce(context) {
      seen.push(`do ${fake.name}`);
      const given = await fake.quiesce?.(context);
      return given ?? {
        effect: {},
        undo: async (context) => {
          seen.push(`undo ${fake.name}`);
          await fake.undo?.(context);
        },
      };
    },
  });
  const plan = {
    beforeReply: beforeReply.map(make),
    settle: settle.map(make),
    repairs: [{
      name: "repair",
      limitMs: 1000,
      repair: () => {
        seen.push("repair");
        return {};
      },
    }],
  };
  return { plan, seen };
}

/** A part for every name that the plan asks for; each part replies with its own name. */
export function everyPart(): Parts {
  const part = (name: string) => ({
    quiesce: () => ({ skipped: name }),
    repair: () => ({ skipped: name }),
  });
  return new Proxy({}, { get: (_, name) => part(String(name)) }) as Parts;
}

/** A promise that the test resolves. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { open, opened };
}
