/**
 * Decides which calls are allowed. The decision uses the address that the kernel reports, the token,
 * and the headers that only browsers send. It ignores what callers say about themselves (Host,
 * Forwarded).
 * @module
 */
import type { Context } from "hono";
import type { Peer } from "../runtime/types.ts";
import type { Bindings } from "../connections/exchange.ts";
import type { TokenFile } from "./token.ts";

/** VMADDR_CID_HOST (vsock(7)): the CID of the host. No guest process can have it. */
const HOST_CID = 2;

/** Why a request is refused. Each value is a kind of problem. */
export type Refusal = "guest-call" | "browser-call" | "token-needed";

/** The rules of the guard. */
export interface GuardOptions {
  /** Whether programs inside the guest may change the agent's state. */
  readonly guestCalls: "refuse" | "allow";
  /** If there is a token, calls with the token are allowed, and no others. */
  readonly token?: Pick<TokenFile, "admits">;
  /** Whether an address belongs to this machine at this moment. */
  readonly isLocal: (address: string) => boolean;
}

/** The parts of a request that the guard uses. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  /** Undefined if the runtime does not know it. */
  readonly peer?: Peer;
}

/** Decides on each call. */
export class Guard {
  readonly #options: GuardOptions;
  /** The result for the last caller, kept for one operation at most. */
  #asked: { readonly address: string; readonly isLocal: boolean } | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Why this call is refused, or undefined. Without a token file, every GET is allowed. */
  refusal(call: Call): Refusal | undefined {
    if (isControl(call)) {
      this.#asked = undefined;
      return this.#whyNotControl(call);
    }
    if (isHealth(call) || this.#options.token === undefined) return undefined;
    return this.#options.token.admits(call.headers)
      ? undefined
      : "token-needed";
  }

  /**
   * Why a call by a dialect that changes the agent's state is refused, or undefined. Lull's own token
   * does not count: the dialect has its own.
   */
  refusalOfDialect(
    { headers, peer }: Call,
  ): Exclude<Refusal, "token-needed"> | undefined {
    this.#asked = undefined;
    if (isBrowser(headers)) return "browser-call";
    return this.#isGuest(peer) ? "guest-call" : undefined;
  }

  /**
   * Whether a health check may recover a quiesced guest. A program in the guest that polls, or a page
   * in a browser, must not undo a prepare. A host may, even without the token, because hosts poll
   * without it.
   */
  mayRecoverByHealth(call: Call): boolean {
    if (isBrowser(call.headers)) return false;
    return this.#options.token?.admits(call.headers) === true ||
      !this.#isGuest(call.peer);
  }

  /**
   * Whether the caller may know which pages of the guest's memory the agent uses: it may prepare, and
   * it is outside of the guest. A caller on a unix socket is inside, and so is one of unknown origin.
   */
  mayReadMemory(call: Call): boolean {
    const { peer } = call;
    if (peer === undefined || peer.unix) return false;
    if (this.#whyNotControl(call) !== undefined) return false;
    if (peer.cid !== undefined) return peer.cid === HOST_CID;
    return !this.#options.isLocal(peer.address);
  }

  #whyNotControl({ headers, peer }: Call): Refusal | undefined {
    // Checked before the token, because a page may have given the token to the browser.
    if (isBrowser(headers)) return "browser-call";
    const { token } = this.#options;
    if (token !== undefined) {
      return token.admits(headers) ? undefined : "token-needed";
    }
    return this.#isGuest(peer) ? "guest-call" : undefined;
  }

  /** Whether the caller is inside the guest. A caller of unknown origin is treated as such. */
  #isGuest(peer: Peer | undefined): boolean {
    const { guestCalls, isLocal } = this.#options;
    if (guestCalls === "allow") return false;
    if (peer === undefined) return true;
    // The mode of the socket's file allows only its owner to connect.
    if (peer.unix) return false;
    if (peer.cid !== undefined) return peer.cid !== HOST_CID;
    const { address } = peer;
    // A health check usually comes from the address of the prepare. The cached result saves the
    // health check after a restore the question to the kernel.
    if (this.#asked?.address !== address) {
      this.#asked = { address, isLocal: isLocal(address) };
    }
    return this.#asked.isLocal;
  }

  /** Forgets the cached result, because a recovery may have changed the addresses. */
  forget(): void {
    this.#asked = undefined;
  }
}

/** The parts of a request that the guard uses. */
export function callOf(c: Context<{ Bindings: Bindings }>): Call {
  const { method, path, raw } = c.req;
  return { method, path, headers: raw.headers, peer: c.env.exchange.peer };
}

/** Whether the call may change the agent's state. */
function isControl({ method }: Call): boolean {
  return method === "POST" || method === "PUT";
}

function isHealth({ method, path }: Call): boolean {
  return path === "/health" && (method === "GET" || method === "HEAD");
}

/**
 * True if a browser sent the request. Browsers send Origin with every POST, also to a name that was
 * rebound to this address, and Sec-Fetch-Site with every request to a trustworthy URL. No other
 * program sends either header.
 */
function isBrowser(headers: Headers): boolean {
  return headers.has("origin") || headers.has("sec-fetch-site");
}
