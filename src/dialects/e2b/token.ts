/**
 * The access token of E2B's host: the first one is kept. If the machine has Firecracker's metadata
 * service (MMDS), the hash in it decides which token replaces it.
 * @module
 */
import { nodeCrypto } from "../../util/lazy_builtins.ts";
import { headerBytes } from "../../util/utf8.ts";

/** The token, of which only the hash is kept: a snapshot of the guest does not contain it. */
export class AccessToken {
  readonly #hashInMmds: () => Promise<string | undefined>;
  #hash: string | undefined;

  /** `hashInMmds` reads the SHA-512 of the token; undefined if there is no such service. */
  constructor(hashInMmds: () => Promise<string | undefined>) {
    this.#hashInMmds = hashInMmds;
  }

  /** Whether a call with this token is allowed. Before a token is kept, all calls are. */
  admits(token: Uint8Array | undefined): boolean {
    return this.#hash === undefined ||
      (token !== undefined && isSame(this.#hash, hashOf(token)));
  }

  /**
   * Whether POST /init with this token is allowed, and if so, keeps the token. Without a token, the
   * hash of an empty text in the metadata service allows the call, and forgets the kept token.
   */
  async take(token: Uint8Array | undefined): Promise<boolean> {
    const hash = hashOf(token ?? new Uint8Array());
    if (this.#hash !== undefined && isSame(this.#hash, hash)) return true;
    const wanted = await this.#hashInMmds();
    const allowed = wanted === undefined
      // Another attempt may have set a token meanwhile.
      ? this.#hash === undefined || isSame(this.#hash, hash)
      : isSame(wanted, hash);
    if (allowed) this.#hash = token?.length ? hash : undefined;
    return allowed;
  }
}

/** The token in the header of a call; undefined if the header has none. */
export function tokenIn(headers: Headers): Uint8Array | undefined {
  const text = headers.get("x-access-token");
  return text === null ? undefined : headerBytes(text);
}

/** The SHA-512 in hexadecimal digits, as the metadata service has it. */
function hashOf(token: Uint8Array): string {
  return nodeCrypto().createHash("sha512").update(token).digest("hex");
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => new TextEncoder().encode(text));
  return left.length === right.length &&
    nodeCrypto().timingSafeEqual(left, right);
}
