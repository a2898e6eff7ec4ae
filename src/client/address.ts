/**
 * Parses the address of an agent, as a host writes it.
 * @module
 */

/** Where an agent is reached. */
export type AgentAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  /** AF_VSOCK on the host, with the CID of the guest. */
  | { readonly kind: "vsock"; readonly cid: number; readonly port: number }
  /** The unix socket of a vsock device of Firecracker or Cloud Hypervisor. */
  | {
    readonly kind: "firecracker";
    readonly path: string;
    readonly port: number;
  };

/** The accepted forms of an address, for help and error texts. */
export const ADDRESS_FORM =
  "http://HOST:PORT, unix:PATH, vsock:CID:PORT or fc:PATH:PORT";

const MAX_VSOCK = 2 ** 32 - 2;

/** Parses an address of one of those forms; undefined for any other text. */
export function parseAddress(text: string): AgentAddress | undefined {
  const [, scheme, rest] = /^(http|unix|vsock|fc):(.+)$/.exec(text) ?? [];
  switch (scheme) {
    case "http":
      return parseUrl(text);
    case "unix":
      return { kind: "unix", path: rest };
    case "vsock": {
      const [, cid, port] = /^(\d{1,10}):(\d{1,10})$/.exec(rest)?.map(Number) ??
        [];
      return isVsock(cid) && isVsock(port)
        ? { kind: "vsock", cid, port }
        : undefined;
    }
    case "fc": {
      const [, path, digits] = /^(.+):(\d{1,10})$/.exec(rest) ?? [];
      const port = Number(digits);
      return isVsock(port) ? { kind: "firecracker", path, port } : undefined;
    }
  }
}

function isVsock(number: number): boolean {
  return number > 0 && number <= MAX_VSOCK;
}

function parseUrl(text: string): AgentAddress | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return undefined;
  const { hostname, port, pathname, search, hash, username } = url;
  const isBare = pathname === "/" && search + hash + username === "";
  if (hostname === "" || !isBare) return undefined;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { kind: "tcp", host, port: port === "" ? 80 : Number(port) };
}
