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
  return causeCode(error) === "EADDRNOTAVAIL" && "host" in at &&
    isAddress(at.host);
}

/** The code of socket(2) for a family that the kernel does not have. */
const NO_VSOCK = "EAFNOSUPPORT";

/** Whether the address is a vsock port and the kernel has no vsock. */
export function isWithoutVsock(at: ListenAddress, error: unknown): boolean {
  if (!("vsockPort" in at) || !(error instanceof Error)) return false;
  const { cause } = error; // that of the StartError is the runtime's error
  return causeCode(error) === NO_VSOCK || causeCode(cause) === NO_VSOCK;
}

/**
 * Makes the error for the user: what {@linkcode Runtime.serve} threw, and what to do. `option` is the
 * flag that names the address, if it is none of --port, --host and --listen.
 */
export async function listenFailure(
  at: ListenAddress,
  error: unknown,
  option?: string,
): Promise<StartError> {
  const message = await unresolved(at) ?? messageOf(error);
  const advice = adviceFor(at, causeCode(error), option);
  return new StartError(`${message}; ${advice}`, {
    cause: error,
  });
}

/** Bun gives the code of another error for a host name that it cannot resolve. */
async function unresolved(at: ListenAddress): Promise<string | undefined> {
  if (!("host" in at) || isAddress(at.host)) return undefined;
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

function adviceFor(
  at: ListenAddress,
  code: string | undefined,
  option?: string,
): string {
  const isPath = "path" in at;
  const another = isPath
    ? `name another path with ${option ?? "--listen"}`
    : "vsockPort" in at
    ? `name another vsock port with ${option ?? "--listen"}`
    : `name another address with ${option ?? "--port, --host or --listen"}`;
  switch (code) {
    case "EADDRINUSE":
      return `end the program that listens there, or ${another}`;
    case "EACCES":
    case "EPERM":
      return `start the agent as a user who may listen there, or ${another}`;
    case "ENOENT":
      return isPath ? `make its directory, or ${another}` : another;
    case NO_VSOCK:
      return `load the kernel's module vsock (modprobe vsock), or ${another}`;
    default:
      return !("host" in at) || isAddress(at.host)
        ? another
        : `name an address instead of a host name, with ${
          option ?? "--host or --listen"
        }`;
  }
}

/** False for a host name. */
function isAddress(host: string): boolean {
  return parseIp(host) !== undefined;
}
