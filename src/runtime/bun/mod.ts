/**
 * The adapter for Bun, also inside the compiled binary.
 * @module
 */
import { gcAndSweep } from "bun:jsc";
import { closeSync, constants, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { timeout } from "../../util/timeout.ts";
import { openLibrary } from "./library.ts";
import { reexecWithSettings } from "./reexec.ts";
import {
  answer,
  bindPrivately,
  listenError,
  makePeer,
  removeStaleSocket,
  tell,
  unixPeer,
} from "../server.ts";
import { requireWorkerDescriptors } from "../spare_descriptors.ts";
import type {
  Input,
  Runtime,
  RuntimeServer,
  RuntimeWorker,
  ServeOptions,
  WorkerEvents,
} from "../types.ts";
import { adoptWorker } from "../worker.ts";

/**
 * Collections, and the milliseconds between them: connections that have just
 * been closed let go of their memory only in the next turns of the loop. After
 * load two collections leave 8 to 12 MB, three 7.5 to 8, four no less.
 */
const COLLECTIONS = 3;
const PAUSE_MS = 10;

/** Milliseconds in which a file has something to read, if it ever has. */
const TRY_MS = 200;

/** Lull on Bun. */
export const bunRuntime: Runtime = {
  name: "bun",
  version: Bun.version,
  prepareProcess: reexecWithSettings,
  serve,
  collect,
  // more are no faster, and keep half a MB of memory
  rehearsals: 1,
  startWorker,
  openInput,
  tryInput,
  openLibrary,
};

async function serve(options: ServeOptions): Promise<RuntimeServer> {
  if ("path" in options) await removeStaleSocket(options.path);
  const server = listen(options);
  return {
    port: server.port ?? 0,
    closeIdle: () => server.closeIdleConnections(),
    stop() {
      // The promise waits for half-sent requests: nobody may wait for it.
      server.stop(true).catch((error) => tell(options, error));
    },
  };
}

function listen(options: ServeOptions) {
  try {
    if ("path" in options) return listenOnUnix(options, options.path);
    return Bun.serve({
      hostname: options.host,
      port: options.port,
      // Lull sweeps by kernel truth; Bun's default would cut off a reply that
      // takes longer than 10 s. It saves no wakeups: Bun has 1.25 a second
      // while any connection is open, whatever is set here.
      idleTimeout: 0,
      development: false,
      // Out of development Bun shares the port with whoever binds it next
      reusePort: false,
      fetch(request, server) {
        const from = server.requestIP(request);
        return answer(
          options,
          request,
          from === null ? undefined : makePeer(from.address, from.port),
        );
      },
    });
  } catch (error) {
    throw listenError(options, error);
  }
}

function listenOnUnix(options: ServeOptions, unix: string) {
  const peer = unixPeer(unix);
  return bindPrivately(unix, () =>
    Bun.serve({
      unix,
      development: false,
      fetch(request, server) {
        // A unix socket takes no idleTimeout; this is the same, request by request.
        server.timeout(request, 0);
        return answer(options, request, peer);
      },
    }));
}

/**
 * By the engine's own call: Bun.gc(true) also drops the code of every function,
 * which the recovery would have to decode again before its first reply.
 */
async function collect(signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  for (let i = 1; i < COLLECTIONS; i++) {
    gcAndSweep();
    try {
      await sleep(PAUSE_MS, undefined, { signal });
    } catch (error) {
      if (signal?.aborted) return false;
      throw error;
    }
  }
  gcAndSweep();
  return true;
}

function startWorker(url: URL, events: WorkerEvents): RuntimeWorker {
  requireWorkerDescriptors(url);
  const worker = new Worker(url, { type: "module", smol: true });
  return adoptWorker(worker, url, events);
}

/**
 * A stream of it is polled by the event loop itself, where a read of node:fs
 * comes back by way of a thread: 30 ms later in a machine that has just been
 * restored, when all code runs for the first time.
 */
function openInput(path: string): Input {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let reader: { read(): Promise<unknown> } | undefined;
  return {
    fd,
    async next() {
      reader ??= Bun.file(fd).stream().getReader();
      try {
        await reader.read();
      } catch (error) {
        reader = undefined; // a stream that failed reads no more
        throw error;
      }
    },
  };
}

/** A device goes another way through the loop than a pipe does. */
async function tryInput(_pipe: unknown, device: string): Promise<void> {
  const fd = openSync(device, constants.O_RDONLY | constants.O_NONBLOCK);
  const reader = Bun.file(fd).stream().getReader();
  let callOff = () => {};
  // Nobody promises that there is something.
  const limit = new Promise<void>((resolve) => {
    callOff = timeout(TRY_MS, resolve);
  });
  try {
    await Promise.race([reader.read(), limit]);
  } finally {
    callOff();
    await reader.cancel(); // closes a descriptor of its own
    closeSync(fd);
  }
}
