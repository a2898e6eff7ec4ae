/**
 * Checks of vsock, by which hosts reach a guest without its network.
 * @module
 */
import { closeSync, existsSync, openSync } from "node:fs";
import type { Config } from "../config/mod.ts";
import { parseListen } from "../config/address.ts";
import { lastError, type Libc, requireSymbol } from "../linux/libc.ts";
import {
  AF_VSOCK,
  SOCK_CLOEXEC,
  SOCK_STREAM,
} from "../linux/socket_constants.ts";
import type { Check } from "./check.ts";

const DEVICE = "/dev/vsock";
/** IOCTL_VM_SOCKETS_GET_LOCAL_CID and VMADDR_CID_ANY, linux/vm_sockets.h, vsock(7). */
const GET_LOCAL_CID = 0x7b9n;
const CID_ANY = 0xffffffff;

/** The checks of vsock. */
export const vsockChecks: readonly Check[] = [
  {
    name: "vsock",
    needed: listensOnVsock,
    look({ libc }) {
      openBriefly(libc);
      const cid = localCid(libc);
      if (cid === undefined) return "sockets can be opened";
      if (cid === CID_ANY) {
        throw new Error(
          "this machine has no vsock device, or no driver for it",
        );
      }
      return `sockets can be opened, this machine's CID is ${cid}`;
    },
    skipped: "serving hosts over vsock (--listen=vsock:PORT)",
    remedy:
      "run the agent as root, give the machine a vsock device, and load its drivers (modprobe vmw_vsock_virtio_transport) before the agent starts",
  },
];

function listensOnVsock({ listen }: Config): boolean {
  return listen.some((text) => {
    const at = parseListen(text);
    return at !== undefined && "vsockPort" in at;
  });
}

function openBriefly(libc: Libc): void {
  const socket = requireSymbol(libc, "socket");
  const fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw lastError(libc, "open", "a vsock socket");
  requireSymbol(libc, "close")(fd);
}

/** The CID of this machine, CID_ANY if it has none; undefined if there is no device file to ask. */
function localCid(libc: Libc): number | undefined {
  if (!existsSync(DEVICE)) return undefined;
  const cid = new Uint32Array(1);
  const device = openSync(DEVICE, "r");
  try {
    const bytes = new Uint8Array(cid.buffer);
    if (requireSymbol(libc, "ioctl")(device, GET_LOCAL_CID, bytes) < 0) {
      throw lastError(libc, "read the CID of", DEVICE);
    }
  } finally {
    closeSync(device);
  }
  return cid[0];
}
