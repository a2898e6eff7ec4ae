/**
 * The command `lull ports`: prints the forwarded ports, and sets the rules for them.
 * @module
 */
import type { PortList } from "../client/mod.ts";
import type { CommandContext } from "./context.ts";
import { table } from "./table.ts";

/** Sets the rules if a flag has one, and prints the ports. */
export async function ports(
  { client, flags, isJson, print }: CommandContext,
): Promise<boolean> {
  const include = listOf(flags.text("include"));
  const exclude = listOf(flags.text("exclude"));
  if (include !== undefined || exclude !== undefined) {
    await client.setPorts({ include, exclude });
  }
  const list = await client.ports();
  print(isJson ? JSON.stringify(list, null, 2) : portText(list));
  return true;
}

function portText({ state, addresses, rules, ports, complete }: PortList) {
  const { include, exclude } = rules;
  return [
    table([
      ["state", state],
      ["addresses", addresses.join(", ") || "none"],
      ["include", include.join(", ") || "all"],
      ["exclude", exclude.join(", ") || "none"],
    ]),
    ...ports.length === 0 ? [] : ["", portTable(ports)],
    ...complete ? [] : ["", "some processes may be missing: time limit"],
  ].join("\n");
}

function portTable(ports: PortList["ports"]): string {
  return table([
    ["PORT", "TARGETS", "SINCE", "OPEN", "ALL", "IN", "OUT", "PROCESSES"],
    ...ports.map((one) => [
      one.protocol === "udp" ? `${one.port}/udp` : String(one.port),
      one.targets.join(", "),
      one.since ?? one.error ?? "-",
      ...[one.open, one.connections, one.bytesIn, one.bytesOut].map(String),
      one.processes.map(({ pid, name }) => `${name} (${pid})`).join(", ") ||
      "-",
    ]),
  ]);
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(",").map((part) => part.trim());
}
