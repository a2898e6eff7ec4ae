/**
 * Hooks whose every move a test decides and sees.
 */
import { type Early, endEarly } from "../../src/util/within.ts";
import {
  type Hook,
  type HookEvent,
  type HookResult,
  reasonOf,
} from "../../src/hooks/hook.ts";
import type { Fields } from "../../src/log/mod.ts";
import { hooksStep } from "../../src/steps/hooks.ts";
import { fakeJournal, owedThaws } from "../support/hooks.ts";
import { until } from "../support/until.ts";

/** What a fake hook does; by default it is done at once. */
export interface Fake extends Partial<Pick<Hook, "policy" | "limitMs">> {
  readonly name: string;
  readonly freeze?: Partial<HookResult>;
  readonly thaw?: Partial<HookResult>;
  /** The phases whose call ends only at its limit, or as it is given up. */
  readonly hangs?: readonly HookEvent["phase"][];
  /** What its thaw waits for. */
  readonly thawAfter?: () => boolean;
}

/** The step with these hooks, and what they were told, in order. */
export function start(fakes: Fake[], limitMs = 1000) {
  const seen: string[] = [];
  const facts: HookEvent[] = [];
  const limitsSeen: number[] = [];
  const journal = fakeJournal();
  const hooks = fakes.map((fake): Hook => ({
    name: fake.name,
    kind: "script",
    limitMs: fake.limitMs ?? 1000,
    policy: fake.policy ?? "abort",
    async call(told, limits) {
      seen.push(`${told.phase} ${fake.name}`);
      facts.push(told);
      limitsSeen.push(limits.limitMs);
      const status = fake.hangs?.includes(told.phase)
        ? await new Promise<Early>((end) => endEarly(limits, end))
        : "done";
      if (told.phase === "thaw" && fake.thawAfter !== undefined) {
        await until("what the thaw waits for", fake.thawAfter);
      }
      const reason = status === "done"
        ? undefined
        : reasonOf(status, limits.limitMs);
      const result = { name: fake.name, kind: "script", ms: 0 } as const;
      return { ...result, status, reason, ...fake[told.phase] };
    },
  }));
  const logged: Fields[] = [];
  const step = hooksStep({
    hooks: () => hooks,
    limitMs,
    journal,
    owed: owedThaws(),
    log: { info: (_, fields) => void logged.push(fields ?? {}) },
    hostTime: () => "2031-01-02T03:04:05Z",
  });
  return { step, seen, facts, limitsSeen, journal, hooks, logged };
}
