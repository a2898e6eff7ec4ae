/**
 * Who may call. Everything but the kernel's word for where a call comes from,
 * and the token, is what the caller says of itself (Host, Forwarded and the
 * like) and is not looked at.
 * @module
 */
import type { Context } from "hono";
import type { Peer } from "../runtime/types.ts";
import type { Bindings } from "../connections/exchange.ts";
import type { TokenFile } from "./token.ts";

/** Why a request is refused; each is a kind of problem. */
export type Refusal = "guest-call" | "browser-call" | "token-needed";

/** How the guard decides. */
export interface GuardOptions {
  /** Whether programs inside the guest may change the agent's state. */
  readonly guestCalls: "refuse" | "allow";
  /** With it, whoever shows the token is let in, and nobody else. */
  readonly token?: Pick<TokenFile, "admits">;
  /** Whether an address is this machine's own at this moment. */
  readonly isLocal: (address: string) => boolean;
}

/** What the guard looks at. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  /** Undefined where the runtime does not know it. */
  readonly peer?: Peer;
}

/** Decides on every call. */
export class Guard {
  readonly #options: GuardOptions;
  /** The last caller that the kernel was asked about; no longer than an operation. */
  #asked: { readonly address: string; readonly isLocal: boolean } | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Why this call is refused, or undefined. Reading is free without a token. */
  refusal(call: Call): Refusal | undefined {
    if (call.method === "POST") {
      this.#asked = undefined;
      return this.#whyNotControl(call);
    }
    if (isHealth(call) || this.#options.token === undefined) return undefined;
    return this.#options.token.admits(call.headers)
      ? undefined
      : "token-needed";
  }

  /**
   * Whether a health check may recover what is quiesced: a program in the guest
   * that polls, or a page in a browser, must not undo a prepare. The token is
   * not asked for: hosts poll without one.
   */
  mayRecoverByHealth(call: Call): boolean {
    if (isBrowser(call.headers)) return false;
    return this.#options.token?.admits(call.headers) === true ||
      !this.#isGuest(call.peer);
  }

  #whyNotControl({ headers, peer }: Call): Refusal | undefined {
    // Before the token: a browser may have been told it by a page.
    if (isBrowser(headers)) return "browser-call";
    const { token } = this.#options;
    if (token !== undefined) {
      return token.admits(headers) ? undefined : "token-needed";
    }
    return this.#isGuest(peer) ? "guest-call" : undefined;
  }

  /** Whoever cannot be told from a guest is one. */
  #isGuest(peer: Peer | undefined): boolean {
    const { guestCalls, isLocal } = this.#options;
    if (guestCalls === "allow") return false;
    if (peer === undefined) return true;
    // The mode of the socket's file says who may connect: nobody but its owner.
    if (peer.unix) return false;
    const { address } = peer;
    // A health check mostly comes from where the prepare came from, and the one
    // after a restore need not wait until the kernel has been asked again.
    if (this.#asked?.address !== address) {
      this.#asked = { address, isLocal: isLocal(address) };
    }
    return this.#asked.isLocal;
  }

  /** Asks the kernel anew about every caller: a recovery may bring new addresses. */
  forget(): void {
    this.#asked = undefined;
  }
}

/** What the guard looks at in a request. */
export function callOf(c: Context<{ Bindings: Bindings }>): Call {
  const { method, path, raw } = c.req;
  return { method, path, headers: raw.headers, peer: c.env.exchange.peer };
}

function isHealth({ method, path }: Call): boolean {
  return path === "/health" && (method === "GET" || method === "HEAD");
}

/**
 * Browsers send Origin with every POST, also to a name that was rebound to this
 * address, and Sec-Fetch-Site with all calls between sites that they trust. No
 * other program sends either.
 */
function isBrowser(headers: Headers): boolean {
  return headers.has("origin") || headers.has("sec-fetch-site");
}
