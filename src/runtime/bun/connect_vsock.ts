/**
 * Connections of vsock: a system call connects, and Bun's sockets read and write.
 * @module
 */
import type { ByteStream } from "../../util/byte_stream.ts";

/** Connects to a vsock port of the machine with that CID. Blocks until it is connected. */
export async function connectVsock(
  cid: number,
  port: number,
): Promise<ByteStream> {
  const { VsockSockets } = await import("./vsock/socket.ts");
  return await streamOf(new VsockSockets().connect(cid, port));
}

/** The stream of a connected socket, which Bun then owns. */
async function streamOf(fd: number): Promise<ByteStream> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(
    undefined,
    undefined,
    { highWaterMark: Infinity },
  );
  const writer = writable.getWriter();
  let unsent = new Uint8Array();
  const socket = await Bun.connect<undefined>({
    ...{ fd } as unknown as { unix: string }, // Bun's types have no `fd`
    data: undefined,
    socket: {
      data: (_, bytes) => void writer.write(bytes).catch(() => {}),
      close: () => void writer.close().catch(() => {}),
      error: (_, error) => void writer.abort(error).catch(() => {}),
      drain: () => write(new Uint8Array()),
    },
  });
  // Bun's `write` has no buffer: it returns how many bytes the kernel took.
  function write(bytes: Uint8Array): void {
    unsent = Buffer.concat([unsent, bytes]);
    const written = socket.write(unsent);
    unsent = unsent.slice(Math.max(0, written));
  }
  return { chunks: readable, write, close: () => socket.terminate() };
}
