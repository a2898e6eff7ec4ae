/**
 * Tells the service manager that the agent is ready: sd_notify(3).
 * @module
 */
import process from "node:process";
import type { Libc } from "../linux/libc.ts";
import type { Log } from "../log/mod.ts";
import { messageOf } from "../util/errors.ts";

/**
 * Sends READY=1 if a service manager waits for it. The status is the text that
 * `systemctl status` shows. Without the message, systemd ends the agent after a
 * minute and a half, and a log line says why.
 */
export async function tellReady(
  libc: Libc,
  log: Pick<Log, "warn">,
  status: string,
): Promise<void> {
  const socketName = process.env.NOTIFY_SOCKET;
  if (!socketName) return;
  // The socket belongs to the agent: its child processes do not inherit it.
  delete process.env.NOTIFY_SOCKET;
  try {
    const { notifyServiceManager } = await import("../linux/notify.ts");
    notifyServiceManager(libc, socketName, `READY=1\nSTATUS=${status}`);
  } catch (error) {
    log.warn("the service manager does not know that the agent is ready", {
      why: messageOf(error),
    });
  }
}
