/**
 * Reads the body of a request within a limit of bytes.
 * @module
 */

/** Why there is no body to use. Each value is a kind of problem. */
export type BodyProblem = "body-too-large" | "body-incomplete";

/** Whether the request has a body: a message without either header has none (RFC 9112, 6.3). */
export function hasBody({ headers }: Request): boolean {
  return isChunked(headers) || lengthOf(headers) !== 0;
}

/**
 * Reads the whole body. A body is incomplete if the connection has ended: then the read fails, on each
 * runtime with another error, and the fault is not the agent's.
 */
export async function readRequestBody(
  request: Request,
  limit: number,
): Promise<Uint8Array | BodyProblem> {
  const { headers } = request;
  if (!hasBody(request)) return new Uint8Array();
  // If there are both headers, content-length is ignored.
  const chunked = isChunked(headers);
  if (!chunked && lengthOf(headers) > limit) return "body-too-large";
  try {
    if (chunked) return await readChunks(request, limit) ?? "body-too-large";
    return new Uint8Array(await request.arrayBuffer());
  } catch {
    return "body-incomplete";
  }
}

function isChunked(headers: Headers): boolean {
  return headers.has("transfer-encoding");
}

function lengthOf(headers: Headers): number {
  return Number(headers.get("content-length") ?? 0);
}

/** Undefined if the body is larger than the limit. */
async function readChunks(
  { body }: Request,
  limit: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
