import assert from "node:assert/strict";
import type { Machine } from "./machine.ts";

/** What the guest's own kernel says, asked through the helper and not through the agent. */

const AGENT = "pid=$(pidof lull || pidof deno)";

/** The CPUs that the agent's threads may run on, each different list once. */
export async function agentCpus(machine: Machine): Promise<string[]> {
  const text = await machine.sh(
    `${AGENT}; cat /proc/$pid/task/*/status | ` +
      "sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' | sort -u",
  );
  return text.split("\n");
}

/** The agent's process number. */
export async function agentPid(machine: Machine): Promise<number> {
  return Number(await machine.sh(`${AGENT}; echo $pid`));
}

/** One TCP socket of the guest as /proc/net/tcp has it (proc_net_tcp in the kernel's documentation). */
export interface GuestSocket {
  readonly address: string;
  readonly port: number;
  readonly peerPort: number;
  /** 1 is ESTABLISHED, 10 is LISTEN. */
  readonly state: number;
}

/** The guest's IPv4 sockets. */
export async function sockets(machine: Machine): Promise<GuestSocket[]> {
  const lines = (await machine.sh("cat /proc/net/tcp")).split("\n").slice(1);
  return lines.map((line) => {
    const [, local, peer, state] = line.trim().split(/\s+/);
    const [hex, port] = local.split(":");
    const bytes = hex.match(/../g) ?? [];
    return {
      address: bytes.map((byte) => parseInt(byte, 16)).reverse().join("."),
      port: parseInt(port, 16),
      peerPort: parseInt(peer.split(":")[1], 16),
      state: parseInt(state, 16),
    };
  });
}

/** The established connections of one port of the guest. */
export async function established(
  machine: Machine,
  port: number,
): Promise<GuestSocket[]> {
  const all = await sockets(machine);
  return all.filter((socket) => socket.port === port && socket.state === 1);
}

/** The guest's wall clock in milliseconds, and how far off the answer may be. */
export async function wallClock(machine: Machine): Promise<number> {
  // busybox's date knows only seconds. /proc/timer_list has CLOCK_MONOTONIC and
  // the offset of CLOCK_REALTIME (clock 1) to it, in nanoseconds.
  const text = await machine.sh(
    "sed -n -e '/^now at/p' -e '/^ clock 1:/,/offset/p' -e '/^cpu: 1/q' /proc/timer_list",
  );
  const now = /now at (\d+)/.exec(text)?.[1];
  const offset = /\.offset:\s+(\d+)/.exec(text)?.[1];
  if (!now || !offset) {
    throw new Error(`Cannot read the guest's clock: ${text}`);
  }
  return Number((BigInt(now) + BigInt(offset)) / 1_000_000n);
}

/** The guest's CLOCK_MONOTONIC, which rests while the machine does, in milliseconds. */
export async function uptime(machine: Machine): Promise<number> {
  const text = await machine.sh("cat /proc/uptime");
  return Number(text.split(" ")[0]) * 1000;
}

/** How often the guest's kernel has noticed that it is a fork. */
export async function forksNoticed(machine: Machine): Promise<number> {
  const text = await machine.sh(
    "dmesg | grep -c 'reseeded due to virtual machine fork' || true",
  );
  return Number(text);
}

/** Random numbers of the guest's kernel, from both of its doors. */
export async function draws(machine: Machine): Promise<string[]> {
  const text = await machine.sh(
    "echo $(head -c 16 /dev/urandom | od -An -tx1); cat /proc/sys/kernel/random/uuid",
  );
  return text.split("\n");
}

/**
 * The guest's wall clock is this host's, within so many milliseconds; the time
 * that the question takes does not count.
 */
export async function assertRightTime(
  machine: Machine,
  within = 100,
): Promise<void> {
  const before = Date.now();
  const guest = await wallClock(machine);
  const after = Date.now();
  assert.ok(
    guest > before - within && guest < after + within,
    `${before - guest} to ${after - guest} ms late`,
  );
}

/**
 * What may take so many milliseconds on a real processor: an emulated one is
 * slower, most of all right after a restore, as it translates everything anew.
 */
export function guestMs(machine: Machine, ms: number): number {
  return machine.hardware.accel === "kvm" ? ms : 8 * ms;
}
