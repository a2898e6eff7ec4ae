/**
 * What tests know about vsock on this machine.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const WITHOUT = fileURLToPath(new URL("./no_vsock.ts", import.meta.url).href);
const REAL = "import socket; socket.socket(socket.AF_VSOCK).close()";

/** A prefix of a command whose program finds no vsock in the kernel. */
export function withoutVsock(): string[] {
  return ["bun", WITHOUT];
}

/** Why tests that open vsock sockets are skipped; false if they can run. */
export const noVsock: string | false = spawnSync("python3", ["-c", REAL])
    .status === 0
  ? false
  : "this kernel has no vsock, or there is no python3 to find out";
