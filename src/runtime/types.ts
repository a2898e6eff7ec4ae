/**
 * What differs between the runtimes, and nothing else. One folder per runtime implements it; only
 * these folders use the globals `Bun` and `Deno`.
 * @module
 */

/** C types that Lull passes to libc. `buffer` is a pointer to the bytes of a typed array. */
export type CType = "i32" | "u32" | "usize" | "buffer" | "pointer" | "void";

/** The signature of a C function. */
export interface CSignature {
  readonly args: readonly Exclude<CType, "void">[];
  readonly result: CType;
}

/** A value that crosses the border to C: numbers for i32 and u32, bigint for usize and pointer. */
export type CValue = number | bigint | Uint8Array | null;

/** What C gives back; undefined for void. */
export type CResult = number | bigint | undefined;

/** A shared library that is loaded into this process. */
export interface ForeignLibrary {
  /** The function of that name, or undefined where the library has none. */
  symbol(
    name: string,
    signature: CSignature,
  ): ((...args: CValue[]) => CResult) | undefined;
  /** errno of this thread's last call; good for messages, not for decisions. */
  errno(): number;
}

/** The far end of an accepted connection, as the kernel names it. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** On a unix socket the far end has no name: the address is that of our own. */
  readonly unix?: true;
}

/** Answers one request. The peer is undefined where the runtime does not know it. */
export type FetchHandler = (request: Request, peer?: Peer) => Promise<Response>;

/** Where to listen. Port 0 takes a free one. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  /** A unix socket, which only its owner may connect to. */
  | { readonly path: string };

/** How to listen. */
export type ServeOptions = ListenAddress & {
  readonly fetch: FetchHandler;
  /**
   * Hears what `fetch` threw, after which the client gets a plain 500; without
   * it the error goes to stderr. The last line: the app answers its own errors.
   * Hears as well why a server can take nobody for now.
   */
  readonly onError?: (error: unknown) => void;
  /** The server had stopped, and listens again: on another socket, at the same address. */
  readonly onListenAgain?: () => void;
};

/** A native HTTP server that listens. */
export interface RuntimeServer {
  /** 0 on a unix socket. */
  readonly port: number;
  /** Closes what is idle, as far as the runtime can: the fallback where there is no libc. */
  closeIdle(): void;
  /** Stops listening and drops every connection; never waits for a half-sent request. */
  stop(): void;
}

/**
 * A thread of its own that runs a module and talks in messages. The module's
 * first message must be a `WorkerHello`; its owner never sees that one.
 */
export interface RuntimeWorker {
  post(message: unknown): void;
  /**
   * Ends the thread; resolves once the kernel no longer lists it, rejects if it
   * still does after ten seconds.
   */
  terminate(): Promise<void>;
}

/** What a worker says first: the id of its thread in /proc/self/task. */
export interface WorkerHello {
  readonly tid: number;
  /**
   * The descriptors that the worker has opened by itself: byte N is 1 while descriptor N is open.
   * The bytes are in a SharedArrayBuffer, so the owner sees what the worker writes. The owner
   * closes these descriptors when the thread has ended.
   */
  readonly descriptors?: Uint8Array;
}

/** What a worker's owner wants to hear of. */
export interface WorkerEvents {
  onMessage(message: unknown): void;
  /** The worker died of an error of its own. */
  onError(error: Error): void;
}

/** Waits for a file to grow, without polling it. */
export interface FileWatch {
  readonly fd: number;
  /**
   * Resolves when something could be read, and drops what was read. Until then, nothing runs.
   * Rejects with an error that has a `code`; may be called again after that.
   */
  next(): Promise<void>;
}

/** The adapter. It is chosen once, at start. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly version: string;
  /**
   * Things that only work if they are set before the process starts: re-executes this process with
   * them if it must (then it does not return), else removes their traces. Gives
   * back the reason where it should have but could not: the agent works without.
   */
  prepareProcess(): string | undefined;
  /** Rejects with `Cannot listen on HOST:PORT: CODE` where it cannot. */
  serve(options: ServeOptions): Promise<RuntimeServer>;
  /** Collects all garbage and gives the memory back to the OS; false if the signal stopped it half way. */
  collect(signal?: AbortSignal): Promise<boolean>;
  /** Throws `Cannot start worker URL: EMFILE` if too few descriptors are free for it. */
  startWorker(url: URL, events: WorkerEvents): RuntimeWorker;
  /** Opens a file that grows, for example the kernel's log. Throws the errors of node:fs. */
  openWatch(path: string): FileWatch;
  /** Loads a shared library by the name that the dynamic linker knows, or undefined. */
  openLibrary(name: string): ForeignLibrary | undefined;
}
