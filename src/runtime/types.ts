/**
 * What differs between the runtimes, and nothing else. One folder per runtime implements it; only
 * these folders use the globals `Bun` and `Deno`.
 * @module
 */
import type { ByteStream } from "../util/byte_stream.ts";

/** C types that Lull passes to libc. `buffer` is a pointer to the bytes of a typed array. */
export type CType = "i32" | "u32" | "usize" | "buffer" | "pointer" | "void";

/** The signature of a C function. */
export interface CSignature {
  readonly args: readonly Exclude<CType, "void">[];
  readonly result: CType;
}

/** An argument of a C function: numbers for i32 and u32, bigint for usize and pointer. */
export type CValue = number | bigint | Uint8Array | null;

/** The result of a C function; undefined for void. */
export type CResult = number | bigint | undefined;

/** A C function. */
export type CFunction = (...args: CValue[]) => CResult;

/** The processors that Lull runs on. */
export type Arch = "x64" | "arm64";

/** A shared library that is loaded into this process. */
export interface ForeignLibrary {
  /** The processor, on which the numbers of system calls depend. */
  readonly arch: Arch;
  /** The function of that name, or undefined if the library has none. */
  symbol(name: string, signature: CSignature): CFunction | undefined;
  /** errno of this thread's last call. Use it for messages, not for decisions. */
  errno(): number;
}

/** The far end of an accepted connection, as the kernel names it. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** On a unix socket, the far end has no name: the address is that of the agent's own socket. */
  readonly unix?: true;
  /** On a vsock connection: the CID of the far end's machine, which the kernel reports. */
  readonly cid?: number;
}

/** Answers one request. The peer is undefined if the runtime does not know it. */
export type FetchHandler = (request: Request, peer?: Peer) => Promise<Response>;

/** Where to listen. With port 0, the kernel chooses a free port. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  /** A unix socket, which only its owner may connect to. */
  | { readonly path: string }
  /** A vsock port (vsock(7)), on every CID of this machine. */
  | { readonly vsockPort: number };

/** How to listen. */
export type ServeOptions = ListenAddress & {
  readonly fetch: FetchHandler;
  /**
   * Gets what `fetch` threw; the client gets a plain 500. If this is not given, the error is
   * written to stderr. Also gets the reason why the server cannot accept clients for now.
   */
  readonly onError?: (error: unknown) => void;
  /** Called when a server that had stopped listens again, on another socket at the same address. */
  readonly onListenAgain?: () => void;
  /** A directory where the server may make private files, for a vsock port; must be writable. */
  readonly directory?: string;
};

/** A native HTTP server that listens. */
export interface RuntimeServer {
  /** 0 on a unix socket and on vsock. */
  readonly port: number;
  /** Closes idle connections, if the runtime can: the fallback if there is no libc. */
  closeIdle(): void;
  /**
   * Closes its descriptor of a vsock connection and sends nothing, because its caller has another
   * descriptor. False if it has no such connection, or has not sent everything yet.
   */
  letGo?(fd: number): boolean;
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
   * Ends the thread. Resolves when the kernel no longer lists it; rejects if the kernel still
   * lists it after ten seconds.
   */
  terminate(): Promise<void>;
}

/** The first message of a worker. */
export interface WorkerHello {
  /** The id of its thread in /proc/self/task. */
  readonly tid: number;
  /** What the worker still holds when its thread has ended; its owner gets it then. */
  readonly held?: SharedArrayBuffer;
}

/** The callbacks of a worker's owner. */
export interface WorkerEvents {
  onMessage(message: unknown): void;
  /** The worker died of an error of its own. */
  onError(error: Error): void;
  /** The thread has ended; the owner frees what the worker still holds. */
  onEnded?(held: SharedArrayBuffer): Promise<void>;
}

/** Waits for a file to grow, without polling it. */
export interface FileWatch {
  /** Skips what is in the file; undefined if lseek(2) on `fd` does it. */
  toEnd?(): void;
  /** The descriptor; undefined if the runtime does not tell it. */
  readonly fd?: number;
  /**
   * Resolves when something could be read, and drops what was read. Until then, nothing runs.
   * Rejects with an error that has a `code`; may be called again after that.
   */
  next(): Promise<void>;
}

/** A watch that can end. */
export interface DescriptorWatch extends FileWatch {
  readonly fd: number;
  /** Ends the watch after the last `next` has resolved; the caller closes the descriptor. */
  end(): void;
}

/** The adapter. It is chosen once, at start. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly version: string;
  /**
   * Whether a timer that is cleared has no effect any more. Deno keeps the end of its time, and its
   * event loop wakes up then (ext:core/02_timers.js), also in a guest that is quiesced by now. Long
   * timers are therefore the kernel's there: see linux/kernel_alarm.ts.
   */
  readonly forgetsTimers: boolean;
  /**
   * Whether the event loop wakes up while a connection is open and silent. Bun's does, 1.25 times a
   * second.
   */
  readonly wakesForConnections: boolean;
  /** Listens. Rejects with `Cannot listen on HOST:PORT: CODE`. */
  serve(options: ServeOptions): Promise<RuntimeServer>;
  /** Connects to a vsock port of the machine with that CID (vsock(7)). */
  connectVsock(cid: number, port: number): Promise<ByteStream>;
  /**
   * Collects all garbage and returns the memory to the kernel; false if the signal stopped it before
   * the end.
   */
  collect(signal?: AbortSignal): Promise<boolean>;
  /** Throws `Cannot start worker URL: EMFILE` if too few descriptors are free for a worker. */
  startWorker(url: URL, events: WorkerEvents): RuntimeWorker;
  /** Opens a file that grows, for example the kernel's log. Throws errors with a `code`. */
  openWatch(path: string): FileWatch;
  /**
   * Waits on a descriptor that reads give 8 bytes from, such as an eventfd(2). `open` makes it; its
   * reads block if the runtime waits on a thread. A `next` that is pending keeps the event loop
   * alive.
   */
  watchDescriptor(open: (nonBlocking: boolean) => number): DescriptorWatch;
  /** Loads a shared library by the name that the dynamic linker knows; undefined if it cannot. */
  openLibrary(name: string): ForeignLibrary | undefined;
  /** The id of the calling thread in /proc/self/task, for the first message of a worker. */
  threadId(): number;
}
