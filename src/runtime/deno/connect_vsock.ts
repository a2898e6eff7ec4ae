/**
 * Connections of vsock, by Deno's own API.
 * @module
 */
import type { ByteStream } from "../../util/byte_stream.ts";

/** Connects to a vsock port of the machine with that CID. */
export async function connectVsock(
  cid: number,
  port: number,
): Promise<ByteStream> {
  const connection = await Deno.connect({ transport: "vsock", cid, port });
  const writer = connection.writable.getWriter();
  return {
    chunks: connection.readable,
    // A failure also ends `chunks`.
    write: (bytes) => void writer.write(bytes).catch(() => {}),
    close() {
      try {
        connection.close();
      } catch { /* it is closed */ }
    },
  };
}
