/**
 * Firecracker's metadata service (MMDS, version 2): E2B's host puts the hash of the access token there.
 * @module
 */
import { isJsonObject } from "../../util/json_input.ts";

/**
 * Milliseconds for both requests together. A machine without the service may not get any answer, and
 * a call that waits for it has not thawed the guest yet.
 */
const LIMIT_MS = 300;
/** Seconds for which the service's own token is valid. */
const TTL_SECONDS = "60";

/** Makes a function that reads the hash. Calls at the same time share one question. */
export function hashReader(
  address: string,
): () => Promise<string | undefined> {
  let asked: Promise<string | undefined> | undefined;
  return () => {
    if (address === "") return Promise.resolve(undefined);
    return asked ??= readHash(address)
      .catch(() => undefined)
      .finally(() => asked = undefined);
  };
}

/** Rejects if there is no service; undefined if it has no hash. */
async function readHash(address: string): Promise<string | undefined> {
  const ask = async (
    path: string,
    method: string,
    headers: Record<string, string>,
  ) => {
    const reply = await fetch(new URL(path, address), {
      method,
      // No connection stays open: a snapshot would contain it.
      headers: { ...headers, connection: "close" },
      redirect: "error",
      signal,
    });
    if (!reply.ok) throw new Error(`Cannot read metadata: ${reply.status}`);
    return await reply.text();
  };
  const signal = AbortSignal.timeout(LIMIT_MS);
  const token = await ask("/latest/api/token", "PUT", {
    "x-metadata-token-ttl-seconds": TTL_SECONDS,
  });
  const text = await ask("/", "GET", {
    "x-metadata-token": token,
    accept: "application/json",
  });
  const metadata: unknown = JSON.parse(text);
  if (!isJsonObject(metadata)) return undefined;
  const { accessTokenHash } = metadata;
  return typeof accessTokenHash === "string" && accessTokenHash !== ""
    ? accessTokenHash
    : undefined;
}
