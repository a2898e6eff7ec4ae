/**
 * What the tests of owed thaws share.
 */
import assert from "node:assert/strict";
import type { Hook, HookEvent, HookResult } from "../../src/hooks/hook.ts";
import { OwedThaws } from "../../src/hooks/owed_thaws.ts";
import type { Change } from "../../src/lifecycle/journal.ts";
import type { Fields } from "../../src/log/mod.ts";

/** The event of a thaw. */
export const THAW: HookEvent = {
  phase: "thaw",
  operation: "op",
  generation: 8,
  kind: "diff",
  outcome: "restored",
  hostTime: "2031-01-02T03:04:05Z",
};
/** Limits that no test reaches. */
export const LIMITS = { limitMs: 10_000 };

/** Programs whose answers the test decides, and an entry of the journal. */
export class World {
  readonly told: HookEvent[] = [];
  readonly logged: [string, Fields?][] = [];
  readonly programs = new Map<string, Hook>();
  /** What is in the entry now, undefined if it is erased. */
  readonly entries: (Change | undefined)[] = [];
  readonly owed = new OwedThaws({
    find: (name) => this.programs.get(name),
    limitMs: 1000,
    log: {
      info: (...line) => void this.logged.push(line),
      warn: (...line) => void this.logged.push(line),
      error: (...line) => void this.logged.push(line),
    },
  });

  /** A program takes part; `answer` is what becomes of its calls. */
  add(
    name: string,
    answer: () => Partial<HookResult> | Promise<Partial<HookResult>>,
  ): Hook {
    const hook: Hook = {
      name,
      kind: "request",
      limitMs: 100,
      policy: "abort",
      call: async (facts) => {
        this.told.push(facts);
        const result = {
          name,
          kind: "request",
          status: "done",
          ms: 0,
        } as const;
        return { ...result, ...await answer() };
      },
    };
    this.programs.set(name, hook);
    return hook;
  }

  /** A new entry of the journal. */
  record() {
    const at = this.entries.push({}) - 1;
    return {
      update: (change: Change) => void (this.entries[at] = change),
      erase: () => void (this.entries[at] = undefined),
    };
  }

  /** A round whose thaws end like this. */
  async round(...ends: [Hook, Partial<HookResult>][]): Promise<string[]> {
    assert.ok(await this.owed.begin(LIMITS));
    const recorded = this.record();
    const calls = ends.map(([hook, end]) => {
      const { name, kind } = hook;
      const result = { name, kind, status: "done", ms: 0, ...end } as const;
      return { hook, result };
    });
    const names = this.owed.settle(calls, THAW, recorded);
    this.owed.end();
    return names;
  }
}

/** The result of a thaw that failed. */
export const FAILED = { status: "failed", reason: "no" } as const;
