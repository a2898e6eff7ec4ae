/**
 * Creates the registry of the guest's programs and the list of owed thaws. They are
 * created together because each uses the other.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { messageOf } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";
import { OwedThaws } from "./owed_thaws.ts";
import { HookRegistry, type RegistryOptions } from "./registry.ts";
import { SavedPrograms } from "./saved_programs.ts";

/** What {@linkcode makePrograms} needs. */
export interface MakeProgramsOptions
  extends Required<Pick<RegistryOptions, "newId" | "mayWrite">> {
  readonly config: Pick<
    Config,
    | "hookLimitMs"
    | "hooksLimitMs"
    | "hooks"
    | "hooksSocket"
    | "runtimeDirectory"
  >;
  readonly log: Log;
}

/**
 * Creates both. If the hooks socket is enabled, also loads the programs that
 * registered with an earlier agent.
 */
export function makePrograms(
  { config, newId, mayWrite, log }: MakeProgramsOptions,
): { readonly registry: HookRegistry; readonly owed: OwedThaws } {
  const owed: OwedThaws = new OwedThaws({
    find: (name) => registry.hooks().find((hook) => hook.name === name),
    limitMs: config.hooksLimitMs,
    log,
  });
  const registry = new HookRegistry({
    limitMs: config.hookLimitMs,
    fixed: config.hooks,
    ...{ newId, mayWrite, owed },
    saved: config.hooksSocket === ""
      ? undefined
      : new SavedPrograms(config.runtimeDirectory),
    onError: (error) =>
      log.error("Cannot save the registrations of programs", {
        error: messageOf(error),
      }),
  });
  return { registry, owed };
}
