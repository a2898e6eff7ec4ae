/**
 * The paths of an installation, and what a tree has to start services.
 * @module
 */
import type { Tree } from "./tree.ts";
import { BINARY, OPENRC_SCRIPT, UNIT } from "./service.ts";

/** The binary of a package or an archive of the release, which do not write into /usr/local. */
export const PACKAGED = "/usr/bin/lull";
/** The config file. An install writes one without options, and keeps one that exists. */
export const CONFIG = "/etc/lull/config.json";
/** The text of a config file without options. */
export const CONFIG_TEXT = "{}\n";
/** The directory of the configuration, and that of the hook scripts in it. */
export const DIRECTORY = "/etc/lull";
export const HOOKS = "/etc/lull/hooks.d";
/** The preset of systemd, see {@linkcode PRESET} of service.ts. */
export const PRESET_FILE = "/usr/lib/systemd/system-preset/50-lull.preset";

/** How a service manager starts Lull. */
export interface ServiceManager {
  readonly service: string;
  readonly text: string;
  readonly mode: number;
  /** The link that enables the service. */
  readonly enabled: string;
  /** Files of which a tree with this service manager has one. */
  readonly signs: readonly string[];
  /** The command that starts the service in the running system. */
  readonly start: string;
  /** The command that ends the agent after its service was removed, if there is one. */
  readonly stop?: string;
}

/** systemd: the unit, and the link of `systemctl enable`. */
export const SYSTEMD: ServiceManager = {
  service: "/etc/systemd/system/lull.service",
  text: UNIT,
  mode: 0o644,
  enabled: "/etc/systemd/system/multi-user.target.wants/lull.service",
  signs: ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"],
  start: "systemctl daemon-reload && systemctl restart lull",
  stop: "systemctl daemon-reload && systemctl stop lull",
};

/** OpenRC: the script, and the link of `rc-update add`. */
export const OPENRC: ServiceManager = {
  service: "/etc/init.d/lull",
  text: OPENRC_SCRIPT,
  mode: 0o755,
  enabled: "/etc/runlevels/default/lull",
  signs: ["/sbin/openrc-run", "/usr/sbin/openrc-run", "/sbin/openrc"],
  start: "rc-service lull restart",
};

/** The service managers of the tree. */
export function serviceManagersOf(tree: Tree): ServiceManager[] {
  return [SYSTEMD, OPENRC].filter(({ signs }) =>
    signs.some((sign) => tree.find(sign) !== undefined)
  );
}

/** What to add to the init of a tree that has no known service manager. */
export function initAdvice(tree: Tree): string {
  const why = "the tree has neither systemd nor OpenRC";
  const has = (path: string) => tree.find(path) !== undefined;
  if (has("/etc/runit") || has("/etc/sv")) {
    return `${why}: create the executable /etc/sv/lull/run with the lines "#!/bin/sh" and "exec ${BINARY}", and link /etc/sv/lull into the directory of services`;
  }
  const isBusybox = tree.resolve("/sbin/init")?.endsWith("/busybox");
  if (isBusybox || has("/etc/inittab")) {
    return `${why}: add this line to /etc/inittab: ::respawn:${BINARY}`;
  }
  return `${why}: add this line to the script that starts this guest: while :; do ${BINARY}; sleep 1; done &`;
}

/**
 * How to label the new files for SELinux, which refuses to start a file without a
 * label; undefined if the tree does not use SELinux. `read` reads a file of the tree.
 */
export function relabelAdvice(
  tree: Tree,
  paths: readonly string[],
  read: (path: string) => string | undefined,
): string | undefined {
  const config = read("/etc/selinux/config") ?? "";
  if (!/^SELINUX=(enforcing|permissive)\s*$/m.test(config)) return undefined;
  if (tree.root === "/") {
    return `this system uses SELinux: label the new files with restorecon -v ${
      paths.join(" ")
    }`;
  }
  const type = /^SELINUXTYPE=(\S+)/m.exec(config)?.[1] ?? "targeted";
  const contexts =
    `${tree.root}/etc/selinux/${type}/contexts/files/file_contexts`;
  return `the tree uses SELinux: label the new files with setfiles -r ${tree.root} ${contexts} ${
    paths.map((path) => `${tree.root}${path}`).join(" ")
  }; or create ${tree.root}/.autorelabel, and the guest labels all files at its first boot`;
}
