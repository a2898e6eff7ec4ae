/**
 * Creates the registry of the guest's programs and the list of owed thaws. They are
 * created together because each uses the other.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { randomId } from "../linux/random.ts";
import { failureLogger, logOf } from "../log/mod.ts";
import { OwedThaws } from "./owed_thaws.ts";
import { HookRegistry } from "./registry.ts";
import { SavedPrograms } from "./saved_programs.ts";

/**
 * Creates both. If the hooks socket is enabled, also loads the programs that
 * registered with an earlier agent. `mayWrite` is false while the guest is quiesced.
 */
export function makePrograms(
  config: Config,
  mayWrite: () => boolean,
): { readonly registry: HookRegistry; readonly owed: OwedThaws } {
  const log = logOf("hooks");
  const owed: OwedThaws = new OwedThaws({
    find: (name) => registry.hooks().find((hook) => hook.name === name),
    limitMs: config.hooksLimitMs,
    log,
  });
  const registry = new HookRegistry({
    ...{ newId: randomId, mayWrite, owed },
    limitMs: config.hookLimitMs,
    fixed: config.hooks,
    saved: config.hooksSocket === ""
      ? undefined
      : new SavedPrograms(config.runtimeDirectory),
    onError: failureLogger(log, "Cannot save the registrations of programs"),
  });
  return { registry, owed };
}
