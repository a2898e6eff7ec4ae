/**
 * Options: the lease of an operation, and what a prepare and a recovery do to the guest.
 * @module
 */
import {
  boolean,
  integer,
  listOf,
  name,
  objects,
  oneOf,
  option,
  path,
  pathOrEmpty,
  text,
} from "../option.ts";

/** These options, each with its kind, its default and its description. */
export const operationOptions = {
  lease: option(
    integer(1, 86_400),
    600,
    "Seconds from the start of a prepare until Lull recovers on its own.",
  ),
  snapshotKind: option(
    oneOf(["full", "diff", "disk"]),
    "full",
    "Kind of snapshot that a prepare is for if the prepare does not name one.",
  ),
  healthRecovers: option(
    oneOf(["always", "restored", "never"]),
    "always",
    "When a health check recovers: always, after evidence of a pause, or never.",
  ),
  hookDirectories: option(
    listOf(path, "absolute paths"),
    ["/etc/lull/hooks.d"],
    "Directories of hook scripts, called before and after the freeze.",
  ),
  hookLimitMs: option(
    integer(1, 600_000),
    5000,
    "Time limit of one hook, in milliseconds.",
  ),
  hooksLimitMs: option(
    integer(1, 600_000),
    15_000,
    "Time limit of all hooks together, in milliseconds.",
  ),
  hookContinue: option(
    listOf(name, "names or paths of scripts"),
    [],
    "Hook scripts whose failure does not fail the prepare.",
  ),
  hooksSocket: option(
    pathOrEmpty,
    "/run/lull/hooks.sock",
    "Unix socket where programs register as hooks; empty disables it.",
  ),
  hooks: option(
    objects("objects with name, url, and optionally limitMs and policy"),
    [],
    "Programs that get a request before and after the freeze.",
  ),
  workloadCgroup: option(
    listOf(name, "cgroups, by name or path"),
    [],
    "Cgroups that are frozen while quiesced; all: every one but the agent's.",
  ),
  workloadExcept: option(
    listOf(name, "cgroups, by name or path"),
    [],
    "Cgroups that workload-cgroup=all leaves running, beside system daemons.",
  ),
  workloadLimitMs: option(
    integer(1, 600_000),
    2000,
    "Time limit of freezing those cgroups, in milliseconds.",
  ),
  freezeMounts: option(
    listOf(path, "absolute paths"),
    [],
    "Mount points of filesystems that are frozen while quiesced.",
  ),
  freezeAllMounts: option(
    boolean(),
    true,
    "For kind disk, freeze all writable filesystems on disks if none is named.",
  ),
  freezeHoldMs: option(
    integer(1, 600_000),
    10_000,
    "Milliseconds after which filesystems thaw that Lull's own API froze.",
  ),
  freezeForce: option(
    boolean(),
    false,
    "Freeze filesystems even if the agent itself may need them.",
  ),
  mailbox: option(
    text(/^(\/[^\0]*|mmds)?$/, "an absolute path, mmds, or an empty value"),
    "",
    "File, device or metadata service whose content appears with a restore.",
  ),
  clockToleranceMs: option(
    integer(0, 3_600_000),
    50,
    "Minimum error of the wall clock, in milliseconds, that Lull corrects.",
  ),
  resetConnections: option(
    boolean(),
    true,
    "Reset the workload's connections to other machines after a restore.",
  ),
};
