/**
 * The adapter for Deno.
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { libcFiles } from "../linux/files.ts";
import { loadLibc } from "../linux/libc.ts";
import { openLibrary } from "./deno_library.ts";
import { makeRoom } from "./deno_room.ts";
import { openOnPool, tryPool } from "./input.ts";
import type { CFunction } from "./library.ts";
import {
  answer,
  bindPrivately,
  listenError,
  makePeer,
  removeStaleSocket,
  unixPeer,
} from "./server.ts";
import type {
  Runtime,
  RuntimeServer,
  RuntimeWorker,
  ServeOptions,
  WorkerEvents,
} from "./types.ts";
import { adoptWorker } from "./worker.ts";

// socket(7); struct linger: on, for 0 s
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const NO_LINGER = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** Milliseconds until it is tried again to listen. */
const LISTEN_AGAIN_MS = 20;

/**
 * V8 watches the first seven objects of each class to learn how large they become,
 * and with the eighth it changes the class; most have one object in each recovery.
 */
const REHEARSALS = 8;

/** Lull on Deno. */
export const denoRuntime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  prepareProcess: () => undefined,
  serve,
  collect,
  rehearsals: REHEARSALS,
  makeRoom,
  filesOf: libcFiles,
  startWorker,
  openInput: (path) => openOnPool(path),
  tryInput: tryPool,
  openLibrary,
};

async function serve(options: ServeOptions): Promise<RuntimeServer> {
  if ("path" in options) await removeStaleSocket(options.path);
  const stopping = new AbortController();
  return {
    port: listen(options, stopping.signal),
    // Deno has no way: the walk over the descriptors closes them
    closeIdle() {},
    stop: () => stopping.abort(),
  };
}

/** Listens until the signal; gives the port, 0 on a unix socket. */
function listen(options: ServeOptions, signal: AbortSignal): number {
  try {
    const { addr, finished } = bind(options, signal);
    const port = "port" in addr ? addr.port : 0;
    const again = "path" in options ? options : { ...options, port };
    finished.catch((error) => listenAgain(again, signal, error));
    return port;
  } catch (error) {
    throw listenError(options, error);
  }
}

/** Deno stops for good where it has no descriptor left for a new connection. */
function listenAgain(
  options: ServeOptions,
  signal: AbortSignal,
  error: unknown,
): void {
  if (options.onError === undefined) console.error(error);
  else options.onError(error);
  const retry = () => {
    if (signal.aborted) return;
    try {
      listen(options, signal);
    } catch {
      // The first error was told; this one is its consequence.
      setTimeout(retry, LISTEN_AGAIN_MS);
    }
  };
  setTimeout(retry, LISTEN_AGAIN_MS);
}

/**
 * One exchange, kept: V8 forgets what objects look like of which a collection has
 * left none, and the inline caches for them. A fork would learn it all anew while
 * its caller waits. The first GET, for that has no secrets in its body.
 */
let kept: readonly unknown[] | undefined;

function bind(options: ServeOptions, signal: AbortSignal) {
  // or Deno prints a banner
  const quiet = { signal, onListen() {} };
  if (!("path" in options)) {
    const { host: hostname, port } = options;
    return Deno.serve({ ...quiet, hostname, port }, async (request, info) => {
      const { remoteAddr } = info;
      const peer = makePeer(remoteAddr.hostname, remoteAddr.port);
      const response = await answer(options, request, peer);
      if (kept === undefined && request.method === "GET") {
        kept = [request, info, remoteAddr, response];
      }
      return response;
    });
  }
  const { path } = options;
  const peer = unixPeer(path);
  return bindPrivately(
    path,
    () =>
      Deno.serve(
        { ...quiet, path },
        (request) => answer(options, request, peer),
      ),
  );
}

/** V8's collector, as `--expose-gc` gives it to new contexts. */
type Collector = (options: {
  type: "major";
  execution: "sync";
  flavor: "last-resort";
}) => void;

let collector: Collector | undefined;
let trim: CFunction | undefined;

// deno-lint-ignore require-await -- V8 collects in one go
async function collect(signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  collector ??= exposeCollector();
  collector({ type: "major", execution: "sync", flavor: "last-resort" });
  trim ??= findTrim();
  trim(0n);
  return true;
}

function exposeCollector(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}

/**
 * Array buffers are malloc's: freed by now, but not given back (malloc_trim(3)).
 * musl has no such call, and no such need.
 */
function findTrim(): CFunction {
  const signature = { args: ["usize"], result: "i32" } as const;
  return openLibrary("libc.so.6")?.symbol("malloc_trim", signature) ??
    (() => 0);
}

function startWorker(url: URL, events: WorkerEvents): RuntimeWorker {
  const worker = new Worker(url, { type: "module" });
  return adoptWorker(worker, url, events, { close: reset });
}

/** Closes a descriptor that a worker left; a connection is reset by it. */
function reset(fd: number): void {
  const { setsockopt, close } = loadLibc(denoRuntime);
  setsockopt?.(fd, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length);
  close?.(fd);
}
