/**
 * `lull ready`, which a program of the guest runs at the point where the snapshot may be taken.
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import type { Config } from "../config/mod.ts";
import { READY_SOCKET } from "../hooks/ready_socket.ts";
import { checked, type Libc, loadLibc, requireSymbol } from "../linux/libc.ts";
import { unixAddress } from "../linux/socket_address.ts";
import {
  AF_UNIX,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../linux/socket_constants.ts";
import { setSocketOption, timeval } from "../linux/socket_option.ts";
import type { Runtime } from "../runtime/types.ts";
import { hasCode, messageOf } from "../util/errors.ts";
import { Flags } from "./flags.ts";

/** The parsed command line. */
export interface ReadyRequest {
  readonly config: Pick<Config, "runtimeDirectory">;
  readonly flags: Readonly<Record<string, string | true>>;
}

/** The exit codes; 2 is that of a ConfigError. */
const DONE = 0;
const NOT_IN_TIME = 1;
const NO_AGENT = 3;
/** The agent sends less than this. */
const BYTES = 65_536;

/**
 * Waits for the recovery, and prints the identity of this fork. Returns the exit code. The whole
 * process waits in one read(2): an event loop with an open connection would wake up again and again.
 */
export function runReady(
  runtime: Pick<Runtime, "openLibrary">,
  { config: { runtimeDirectory }, flags }: ReadyRequest,
): number {
  const seconds = new Flags("ready", flags).seconds("timeout");
  const path = join(runtimeDirectory, READY_SOCKET);
  try {
    const text = read(loadLibc(runtime), path, seconds);
    if (text === "") throw new Error("the agent has ended");
    process.stdout.write(text);
    return DONE;
  } catch (error) {
    const isLate = hasCode(error, "EAGAIN");
    const isMissing = hasCode(error, "ENOENT") ||
      hasCode(error, "ECONNREFUSED");
    const why = isLate
      ? `there was none within ${seconds} s`
      : isMissing
      ? `${
        messageOf(error)
      }; is the agent running, with this --runtime-directory?`
      : messageOf(error);
    console.error(`lull: Cannot wait for the recovery: ${why}`);
    return isLate ? NOT_IN_TIME : NO_AGENT;
  }
}

/** Reads until the end; empty if the agent ended. Throws EAGAIN at the limit. */
function read(libc: Libc, path: string, seconds?: number): string {
  const address = unixAddress(path);
  if (address === undefined) {
    throw new Error(`Cannot connect to ${path}: the path is too long`);
  }
  const check = (result: number, call: string) =>
    checked(libc, result, call, path);
  const type = SOCK_STREAM | SOCK_CLOEXEC;
  const socket = requireSymbol(libc, "socket")(AF_UNIX, type, 0);
  check(socket, "open a socket for");
  const connect = requireSymbol(libc, "connect");
  check(connect(socket, address, address.length), "connect to");
  if (seconds !== undefined) {
    setSocketOption(libc, socket, SOL_SOCKET, SO_RCVTIMEO, timeval(seconds));
  }
  const receive = requireSymbol(libc, "read");
  const bytes = new Uint8Array(BYTES);
  for (let length = 0;;) {
    const rest = bytes.subarray(length);
    const count = receive(socket, rest, BigInt(rest.length));
    // The agent had not taken the connection yet when it ended.
    if (count < 0 && libc.errno?.() === ECONNRESET) return "";
    check(count, "read");
    if (count === 0) return new TextDecoder().decode(bytes.subarray(0, length));
    length += count;
  }
}

/** errno(3). */
const ECONNRESET = 104;
