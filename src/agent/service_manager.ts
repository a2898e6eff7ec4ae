/**
 * Tells the service manager that the agent is ready: sd_notify(3).
 * @module
 */
import process from "node:process";
import { notifyServiceManager } from "../linux/notify.ts";
import { logOf } from "../log/mod.ts";
import { messageOf } from "../util/errors.ts";
import type { Components } from "./components.ts";

/**
 * Sends READY=1 to the socket of NOTIFY_SOCKET, also if all addresses are still
 * missing: the boot of the machine may wait for this message. Without the message,
 * systemd ends the agent after a minute and a half, and a log line says why.
 */
export function tellServiceManager(
  { libc, listeners }: Pick<Components, "libc" | "listeners">,
  socketName: string,
): void {
  // The socket belongs to the agent: its child processes do not inherit it.
  delete process.env.NOTIFY_SOCKET;
  try {
    const message = `READY=1\nSTATUS=${statusOf(listeners)}`;
    notifyServiceManager(libc, socketName, message);
  } catch (error) {
    logOf("main").warn(
      "the service manager does not know that the agent is ready",
      { why: messageOf(error) },
    );
  }
}

/** The text that `systemctl status` shows. */
function statusOf(
  { addresses, missing }: Pick<
    Components["listeners"],
    "addresses" | "missing"
  >,
): string {
  return [
    ...addresses.length > 0 ? [`listening on ${addresses.join(", ")}`] : [],
    ...missing.length > 0 ? [`waiting for ${missing.join(", ")}`] : [],
  ].join("; ");
}
