/**
 * systemd-networkd: the identity is a file in /run, which comes before the file of the image
 * (systemd.network(5)). A restart of networkd reads it again; a boot of the machine does not.
 * @module
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { resultUnless } from "../util/errors.ts";
import { waitFor } from "../util/wait.ts";
import type { Facts } from "./facts.ts";
import { type Budget, runProgram } from "./program.ts";

const LINKS = "/run/systemd/netif/links";
const FILES = "/run/systemd/network";
/** Everything before this line is the file of the image. */
const MARK = "# Lull: the identity of this fork";

/** Milliseconds for `networkctl`, and until networkd has configured the interface. */
const CALL_MS = 4000;
const CONFIGURED_MS = 3000;

/** What networkd says of an interface. */
export type LinkState = ReadonlyMap<string, string>;

/** Reads what networkd says of the interface; undefined if networkd does not manage it. */
export function networkdState(index: number): LinkState | undefined {
  const text = readText(join(LINKS, String(index)));
  if (text === undefined) return undefined;
  const state = new Map(
    text.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      const value = line.slice(at + 1).replace(/^"(.*)"$/, "$1");
      return at < 1 ? [] : [[line.slice(0, at), value] as const];
    }),
  );
  return state.get("ADMIN_STATE") === "unmanaged" ? undefined : state;
}

/** Tells networkd; returns what it was told. Rejects if it could not be told. */
export async function tellNetworkd(
  facts: Facts,
  state: LinkState,
  budget: Budget,
): Promise<string[]> {
  const { name, index } = facts.link;
  const file = join(FILES, `0-lull-${name}.network`);
  mkdirSync(FILES, { recursive: true });
  writeFileSync(`${file}.new`, networkFile(imageFile(state), facts, state));
  renameSync(`${file}.new`, file);
  await runProgram(["networkctl", "reload"], budget.left(CALL_MS));
  const now = () => networkdState(index) ?? new Map();
  const isDone = () =>
    now().get("NETWORK_FILE") === file &&
    now().get("ADMIN_STATE") === "configured";
  await waitFor(isDone, budget.left(CONFIGURED_MS));
  const used = now().get("NETWORK_FILE");
  if (used !== file) {
    throw new Error(`systemd-networkd uses ${used}, and not ${file}`);
  }
  return [file, `networkctl reload (${now().get("ADMIN_STATE")})`];
}

/** The text of the file that networkd uses for the interface, with its drop-ins. */
function imageFile(state: LinkState): string {
  const paths = [
    state.get("NETWORK_FILE") ?? "",
    ...(state.get("NETWORK_FILE_DROPINS") ?? "").split(/[\s:"]+/),
  ];
  return paths.map((path) => path && readText(path) || "")
    .map((text) => text.split(MARK)[0])
    .join("\n");
}

/** Makes the file: that of the image for this one interface, and after it the identity. */
export function networkFile(
  image: string,
  facts: Facts,
  state: LinkState = new Map(),
): string {
  const { link, identity, given4, given6, gateway6, addresses, routes } = facts;
  const dns = identity.dns ??
    // The servers of a lease go with it.
    (given4 || given6
      ? state.get("DNS")?.split(" ").filter(Boolean)
      : undefined);
  const lines = [
    ...["[Match]", `Name=${link.name}`, "", withoutMatch(image).trim(), MARK],
    "[Link]",
    ...identity.mac ? [`MACAddress=${identity.mac}`] : [],
    ...identity.mtu ? [`MTUBytes=${identity.mtu}`] : [],
    "[Network]",
    `DHCP=${dhcpOf(image, given4, given6)}`,
    // An empty value removes what the image has.
    ...["Address=", "Gateway="],
    ...dns ? ["DNS=", ...dns.map((one) => `DNS=${one}`)] : [],
    ...identity.search
      ? ["Domains=", `Domains=${identity.search.join(" ")}`]
      : [],
    ...addresses.flatMap(({ address, prefix }) => [
      ...["[Address]", `Address=${address}/${prefix}`],
      "DuplicateAddressDetection=none",
    ]),
    ...routes.flatMap(({ destination, gateway, source, metric }) => [
      ...["[Route]", `Destination=${destination}`],
      ...gateway ? [`Gateway=${gateway}`, "GatewayOnLink=yes"] : [],
      ...gateway ? [] : ["Scope=link"],
      ...source ? [`PreferredSource=${source}`] : [],
      ...metric ? [`Metric=${metric}`] : [],
    ]),
    ...given6
      ? ["[IPv6AcceptRA]", "UseAutonomousPrefix=no", "DHCPv6Client=no"]
      : [],
    ...given6 && gateway6 ? ["UseGateway=no"] : [],
  ];
  return `${lines.join("\n")}\n`;
}

/** The text without its sections `Match`, which may match other interfaces, too. */
function withoutMatch(text: string): string {
  let skips = false;
  return text.split("\n").filter((line) => {
    const section = /^\s*\[(\w+)\]/.exec(line)?.[1];
    if (section !== undefined) skips = section === "Match";
    return !skips;
  }).join("\n");
}

/** The value of DHCP= for the families that the host has given no address of. */
function dhcpOf(image: string, given4: boolean, given6: boolean): string {
  const said = [...image.matchAll(/^\s*DHCP\s*=\s*(\S+)/gm)].at(-1)?.[1] ??
    "no";
  const is = (word: string) =>
    [word, "yes", "true", "1", "on", "both"].includes(said);
  const four = is("ipv4") && !given4;
  const six = is("ipv6") && !given6;
  if (four && six) return "yes";
  return four ? "ipv4" : six ? "ipv6" : "no";
}

function readText(path: string): string | undefined {
  return existsSync(path)
    ? resultUnless(["ENOENT"], () => readFileSync(path, "utf8"))
    : undefined;
}
