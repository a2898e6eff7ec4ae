/**
 * Says why the agent cannot listen on an address, and what its user can do.
 * @module
 */
import { nodeDns } from "../util/lazy_builtins.ts";
import { errorCode, errorText, messageOf } from "../util/errors.ts";
import { parseIp } from "../linux/ip.ts";
import { addressText } from "../runtime/server.ts";
import type { ListenAddress } from "../runtime/types.ts";
import { StartError } from "../config/error.ts";

/**
 * Whether the machine does not have the address, and may get it later. A host name does not
 * count: Bun gives the same code for a name that it cannot resolve, and each further try would
 * block the agent while it asks the name servers.
 */
export function isMissingAddress(at: ListenAddress, error: unknown): boolean {
  return causeCode(error) === "EADDRNOTAVAIL" && !("path" in at) &&
    isAddress(at.host);
}

/** Makes the error for the user: what {@linkcode Runtime.serve} threw, and what to do. */
export async function listenFailure(
  at: ListenAddress,
  error: unknown,
): Promise<StartError> {
  const message = await unresolved(at) ?? messageOf(error);
  return new StartError(`${message}; ${adviceFor(at, causeCode(error))}`, {
    cause: error,
  });
}

/** Bun gives the code of another error for a host name that it cannot resolve. */
async function unresolved(at: ListenAddress): Promise<string | undefined> {
  if ("path" in at || isAddress(at.host)) return undefined;
  try {
    await nodeDns().promises.lookup(at.host);
    return undefined;
  } catch (error) {
    const why = `the name cannot be resolved (${errorText(error)})`;
    return `Cannot listen on ${addressText(at)}: ${why}`;
  }
}

/** The code of the reason, such as EADDRINUSE. */
function causeCode(error: unknown): string | undefined {
  return error instanceof Error ? errorCode(error.cause) : undefined;
}

function adviceFor(at: ListenAddress, code: string | undefined): string {
  const isPath = "path" in at;
  const another = isPath
    ? "name another path with --listen"
    : "name another address with --port, --host or --listen";
  switch (code) {
    case "EADDRINUSE":
      return `end the program that listens there, or ${another}`;
    case "EACCES":
    case "EPERM":
      return `start the agent as a user who may listen there, or ${another}`;
    case "ENOENT":
      return isPath ? `make its directory, or ${another}` : another;
    default:
      return isPath || isAddress(at.host)
        ? another
        : `name an address instead of a host name, with --host or --listen`;
  }
}

/** False for a host name. */
function isAddress(host: string): boolean {
  return parseIp(host) !== undefined;
}
