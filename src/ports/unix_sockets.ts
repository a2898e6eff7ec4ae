/**
 * Finds the unix sockets that are to be forwarded, once a program listens on them.
 * @module
 */
import { readFileSync } from "node:fs";
import { obstacleTo } from "../linux/obstacle.ts";
import { listeningPaths } from "../linux/unix_table.ts";
import type { PortLog } from "./log.ts";
import type { Targets } from "./scanner.ts";
import { unixTarget } from "./unix_targets.ts";

/** How to find them. */
export interface UnixSocketsOptions {
  /** `PATH=PORT` each. */
  readonly sockets: readonly string[];
  readonly log: PortLog;
  /** The table of the kernel, as text; /proc/net/unix if not given. */
  readonly table?: () => string;
}

/** The unix sockets to forward. */
export class UnixSockets {
  readonly #options: UnixSocketsOptions;
  readonly #pairs: readonly (readonly [path: string, port: number])[];
  /** Whether a path can be reached, and the inode of its socket at that time. */
  readonly #checked = new Map<string, readonly [inode: string, boolean]>();

  constructor(options: UnixSocketsOptions) {
    this.#options = options;
    this.#pairs = options.sockets.map((pair) => {
      const at = pair.lastIndexOf("=");
      return [pair.slice(0, at), Number(pair.slice(at + 1))];
    });
  }

  /**
   * The ports whose socket exists and listens. The kernel's table says so: a look at the path could
   * wait for ever for a filesystem that does not answer.
   */
  find(): Targets {
    const { table = readTable } = this.#options;
    const listening = listeningPaths(table());
    return new Map(
      this.#pairs
        .filter(([path]) => this.#isReachable(path, listening.get(path)))
        .map(([path, port]) => [port, [unixTarget(path)]]),
    );
  }

  /**
   * Whether a program listens, and a connect to the path cannot wait for a FUSE or network
   * filesystem. Looks at the path only if the socket is another one than before.
   */
  #isReachable(path: string, inode: string | undefined): boolean {
    if (inode === undefined) return false;
    const [known, isReachable] = this.#checked.get(path) ?? [];
    if (known === inode && isReachable !== undefined) return isReachable;
    const mount = obstacleTo(path);
    this.#checked.set(path, [inode, mount === undefined]);
    if (mount === undefined) return true;
    this.#options.log.warn(
      `Cannot forward ${path}: ${mount.mountPoint} is of type ${mount.type} and may not answer`,
    );
    return false;
  }
}

function readTable(): string {
  return readFileSync("/proc/net/unix", "latin1");
}
