/**
 * Opens connections to an agent, over each transport.
 * @module
 */
import type { Socket } from "node:net";
import type { ByteStream } from "../util/byte_stream.ts";
import { errorText } from "../util/errors.ts";
import { within } from "../util/within.ts";
import { nodeDns, nodeNet } from "../util/lazy_builtins.ts";
import type { AgentAddress } from "./address.ts";
import { UnreachableError } from "./errors.ts";

/** Opens a connection of AF_VSOCK; only a runtime can. */
export type ConnectVsock = (cid: number, port: number) => Promise<ByteStream>;

/** An open connection, and how long it took to open it. */
export interface Connected {
  readonly stream: ByteStream;
  /** Milliseconds of one way to the agent's kernel and back. */
  readonly roundTripMs: number;
}

/** Milliseconds without a packet until the kernel asks whether the agent's machine still exists. */
const KEEPALIVE_MS = 60_000;

/** The most bytes of the reply of a vsock device to CONNECT. */
const MAX_GREETING = 64;

/** Connects to the agent. Rejects with an UnreachableError, also when the signal is aborted. */
export async function connect(
  address: AgentAddress,
  signal: AbortSignal,
  connectVsock?: ConnectVsock,
): Promise<Connected> {
  try {
    signal.throwIfAborted();
    switch (address.kind) {
      case "tcp":
        return await overTcp(address, signal);
      case "unix":
        return await timed(() => dial({ path: address.path }, signal));
      case "firecracker":
        return await timed(() => throughDevice(address, signal));
      case "vsock":
        if (connectVsock === undefined) {
          throw new Error("this program has no connections of vsock");
        }
        return unlessAborted(
          await timed(() => connectVsock(address.cid, address.port)),
          signal,
        );
    }
  } catch (error) {
    const why = signal.aborted ? "the time limit is reached" : errorText(error);
    throw new UnreachableError(
      `Cannot reach the agent at ${addressText(address)}: ${why}`,
      { cause: error },
    );
  }
}

/** The address as a user writes it. */
export function addressText(address: AgentAddress): string {
  switch (address.kind) {
    case "tcp": {
      const { host, port } = address;
      return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    }
    case "unix":
      return `unix:${address.path}`;
    case "vsock":
      return `vsock:${address.cid}:${address.port}`;
    case "firecracker":
      return `fc:${address.path}:${address.port}`;
  }
}

/** Connects to the first address of the host that accepts: `localhost` may have two. */
async function overTcp(
  { host: name, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Connected> {
  // The time that a name server takes is not part of the round trip.
  const lookup = nodeDns().promises.lookup(name, { all: true });
  const found = await within(lookup, { signal });
  if ("early" in found) throw new Error("the name server did not reply");
  let failure: unknown;
  for (const { address: host } of found.value) {
    try {
      return await timed(() => dial({ host, port }, signal));
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** Closes a connection that came after the limit. */
function unlessAborted(open: Connected, signal: AbortSignal): Connected {
  if (signal.aborted) open.stream.close();
  signal.throwIfAborted();
  return open;
}

async function timed(open: () => Promise<ByteStream>): Promise<Connected> {
  const start = performance.now();
  const stream = await open();
  return { stream, roundTripMs: performance.now() - start };
}

/** Connects. Once this resolves, the caller closes the stream at its limit. */
async function dial(
  to: { readonly path: string } | {
    readonly host: string;
    readonly port: number;
  },
  signal: AbortSignal,
): Promise<ByteStream> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const socket: Socket = nodeNet().connect(to);
    const abort = () => socket.destroy(new Error("aborted"));
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", reject);
    socket.once("close", () => signal.removeEventListener("abort", abort));
    socket.once("connect", () => {
      signal.removeEventListener("abort", abort);
      socket.off("error", reject);
      socket.on("error", () => {}); // `chunks` rejects with it
      socket.setNoDelay(true);
      socket.setKeepAlive("host" in to, KEEPALIVE_MS);
      resolve({
        chunks: socket,
        write: (bytes) => void socket.write(bytes),
        close: () => void socket.destroy(),
      });
    });
  });
}

/** The handshake of Firecracker's vsock device: `CONNECT PORT`, and `OK PORT`. */
async function throughDevice(
  { path, port }: { readonly path: string; readonly port: number },
  signal: AbortSignal,
): Promise<ByteStream> {
  const stream = await dial({ path }, signal);
  const close = () => stream.close();
  signal.addEventListener("abort", close, { once: true });
  const chunks = stream.chunks[Symbol.asyncIterator]();
  const read: number[] = [];
  try {
    stream.write(new TextEncoder().encode(`CONNECT ${port}\n`));
    while (!read.includes(10) && read.length < MAX_GREETING) {
      const next = await chunks.next();
      // The device closes the connection if no program of the guest listens on the port.
      if (next.done) throw new Error(`nothing listens on vsock port ${port}`);
      read.push(...next.value);
    }
  } finally {
    signal.removeEventListener("abort", close);
  }
  const end = read.indexOf(10);
  const greeting = String.fromCharCode(...read.slice(0, end));
  if (end < 0 || !greeting.startsWith("OK ")) {
    stream.close();
    throw new Error("the vsock device did not reply OK");
  }
  const rest = Uint8Array.from(read.slice(end + 1));
  return { ...stream, chunks: after(rest, chunks) };
}

async function* after(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  if (first.length > 0) yield first;
  for (;;) {
    const next = await rest.next();
    if (next.done) return;
    yield next.value;
  }
}
