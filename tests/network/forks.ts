/**
 * Identities that are applied in a namespace of its own.
 * @module
 */
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";

/** How the interface and the names are. */
export interface State {
  addresses: string[];
  addresses6: string[];
  routes: string[];
  routes6: string[];
  mac: string;
  mtu: number;
  eth1: string[];
  neighbours: string[];
  hostname: string;
  files: Record<string, string | null>;
  mounts: number;
}

/** The states before and after, and what was applied. */
export interface Result {
  before: State;
  after: State;
  /** The files of /etc without what is mounted over them. */
  below: Record<string, string | null>;
  applied?: {
    interfaces: { interface?: string; changed: string[] }[];
    replaced: Record<string, string>;
  };
  error?: string;
}

/** The script that applies identities in a namespace of its own. */
export const script = new URL(
  "../support/namespace/network.ts",
  import.meta.url,
);
/** Why that is impossible here; false if it is possible. */
export const skip = namespaceProblem();

/** What the script does beside it. */
export interface More {
  extra?: string[];
  refuse?: boolean;
  replyOver?: string;
  missing?: string[];
  linked?: boolean;
  forwardAddresses?: string[];
}

/** Applies one call of the host. */
export function apply(identity: unknown, more: More = {}): Promise<Result> {
  return inNamespace(script, { identities: [identity], ...more });
}

/** The address from which ports are forwarded. */
export const FORWARDER = "169.254.0.21/16";
