/**
 * Opens the listeners of the agent. Each request goes through the connection tracker to the app.
 * @module
 */
import { addressesOf, mayMove } from "../http/listen_addresses.ts";
import type { App } from "../http/app.ts";
import { logOf } from "../log/mod.ts";
import type { FetchHandler, ListenAddress } from "../runtime/types.ts";
import { VERSION } from "../version.ts";
import type { SelfCall } from "../warm_up/self_call.ts";
import type { WarmUp } from "../warm_up/warm_up.ts";
import { type Components, failed } from "./components.ts";

/** What replies to requests, and what each request concerns. */
export interface ListenOptions {
  readonly app: App;
  /** The apps of the dialects' own listeners, if there are any. */
  readonly dialectApps?: ReadonlyMap<ListenAddress, App>;
  readonly warmUp: Pick<WarmUp, "ended" | "replied">;
  readonly selfCall: Pick<SelfCall, "isFrom">;
}

/** Listens on all addresses of the configuration; rejects with a StartError if that fails. */
export async function listen(
  { config, listeners, tracker, idle, runtime }: Components,
  { app, dialectApps, warmUp, selfCall }: ListenOptions,
): Promise<void> {
  const fetchOf = (app: App): FetchHandler =>
    tracker.wrap(async (request, exchange) => {
      idle.worked();
      if (request.method === "POST") await warmUp.ended();
      const isSelfCall = selfCall.isFrom(exchange.peer);
      const response = await app.fetch(request, { exchange, isSelfCall });
      warmUp.replied();
      return response;
    });
  const addresses = [...await placesOf(config), ...dialectApps?.keys() ?? []];
  await listeners.open(addresses, {
    onError: failed("the server had an error"),
    onListenAgain: () => tracker.listen(),
    directory: config.runtimeDirectory,
    onAppeared(address, port) {
      tracker.listen();
      logListening(runtime, [address], port);
    },
    fetch: fetchOf(app),
    fetchAt(at) {
      const own = dialectApps?.get(at);
      return own && fetchOf(own);
    },
  });
  tracker.listen();
}

/** The addresses of the configuration; those that have moved with the machine's identity, there. */
async function placesOf(
  config: Components["config"],
): Promise<readonly ListenAddress[]> {
  const addresses = addressesOf(config);
  if (!addresses.some(mayMove)) return addresses;
  try {
    const { movedAddresses } = await import("../network/moved_addresses.ts");
    const moves = movedAddresses(config.runtimeDirectory);
    return addresses.map((at) =>
      "host" in at ? { ...at, host: moves.get(at.host) ?? at.host } : at
    );
  } catch (error) {
    failed("the addresses that have moved cannot be read")(error);
    return addresses;
  }
}

/** Logs the addresses that the agent listens on, and those that the machine does not have yet. */
export function logAddresses({ listeners, runtime }: Components): void {
  const { addresses, ports: [port], missing, unsupported } = listeners;
  if (unsupported.length > 0) {
    logOf("main").warn(
      "this kernel has no vsock: the agent serves its other addresses only (load it with modprobe vsock, and restart the agent)",
      { at: unsupported },
    );
  }
  if (missing.length > 0) {
    logOf("main").warn(
      "waiting for addresses that this machine does not have yet",
      { at: missing },
    );
  }
  if (addresses.length > 0) logListening(runtime, addresses, port);
}

function logListening(
  { name, version }: Components["runtime"],
  at: readonly string[],
  port: number,
): void {
  logOf("main").info("listening", {
    ...{ at, port, version: VERSION },
    runtime: `${name} ${version}`,
  });
}
