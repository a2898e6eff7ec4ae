/**
 * What tests of steps and hooks share: contexts, directories, journals, scripts, a
 * registry that listens.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HookEvent } from "../../src/hooks/hook.ts";
import { OwedThaws } from "../../src/hooks/owed_thaws.ts";
import { HookRegistry } from "../../src/hooks/registry.ts";
import { listenForHooks } from "../../src/hooks/socket.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Change, Recorder } from "../../src/lifecycle/journal.ts";
import type { RecoveryContext, StepContext } from "../../src/lifecycle/step.ts";
import { owe } from "./cleanup.ts";
import { randomId } from "../../src/linux/random.ts";

/** A directory of the test's own, and the removal of it or of a file in it. */
export function temporary(): {
  path: string;
  remove: () => void;
  forget: (name: string) => void;
} {
  const path = mkdtempSync(join(tmpdir(), "lull-test-"));
  const debt = owe(`rm -rf --one-file-system ${path}\n`);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true });
      debt.settled();
    },
    forget: (name) => rmSync(join(path, name), { force: true }),
  };
}

/** Writes an executable file; gives its path. */
export function script(
  path: string,
  text: string | Uint8Array,
  mode = 0o755,
): string {
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** Facts of a freeze. */
export const FREEZE: HookEvent = {
  phase: "freeze",
  operation: "op",
  generation: 7,
  kind: "full",
};

/** What a step is given while it quiesces. */
export function stepContext(
  signal = new AbortController().signal,
  kind: StepContext["kind"] = "full",
): StepContext {
  return { operation: "op", generation: 7, kind, signal };
}

/** What its undo is given. */
export function recoveryContext(): RecoveryContext {
  return {
    operation: "op",
    generation: 8,
    kind: "full",
    request: {},
    trigger: "health",
    outcome: "restored",
    wasQuiesced: true,
    signal: new AbortController().signal,
  };
}

/** A journal that only remembers what is written in it now, by kind. */
export function fakeJournal(): Recorder & { written: Map<string, Change> } {
  const written = new Map<string, Change>();
  let last: unknown;
  return {
    written,
    record(kind, change) {
      const own = last = {};
      written.set(kind, change);
      return {
        update: (change) => void written.set(kind, change),
        erase() {
          if (last === own) written.delete(kind);
        },
      };
    },
  };
}

/** A log that drops its lines. */
export const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Debts to hooks that are scripts: none registers. */
export function owedThaws(): OwedThaws {
  return new OwedThaws({ find: () => undefined, limitMs: 1000, log: SILENT });
}

/** A registry behind a real socket. */
export async function listeningRegistry(path: string) {
  const errors: unknown[] = [];
  const registry = new HookRegistry({ limitMs: 2000, newId: randomId });
  const socket = await listenForHooks({
    runtime: await loadRuntime(),
    ...{ path, registry },
    log: { error: (_, fields) => void errors.push(fields?.error) },
  });
  return { registry, socket, errors };
}
