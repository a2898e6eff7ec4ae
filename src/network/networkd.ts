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
const CALL_MS = 8000;
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

/** An interface that networkd manages. */
export interface NetworkdLink {
  readonly facts: Facts;
  readonly state: LinkState;
}

/**
 * Tells networkd all interfaces that it manages at once. Returns what it was told of each, or why it
 * could not be told.
 */
export async function tellNetworkd(
  links: readonly NetworkdLink[],
  budget: Budget,
): Promise<ReadonlyMap<string, string[] | Error>> {
  let reloaded: string | Error = "as before";
  try {
    mkdirSync(FILES, { recursive: true });
    const isNew = links.map((link) => write(link)).includes(true);
    if (isNew) {
      await runProgram(["networkctl", "reload"], budget.left(CALL_MS));
      reloaded = "networkctl reload";
    }
    await waitFor(
      () => links.every((link) => isConfigured(link)),
      budget.left(CONFIGURED_MS),
    );
  } catch (error) {
    reloaded = error as Error;
  }
  return new Map(links.map((link) => [
    link.facts.link.name,
    reloaded instanceof Error ? reloaded : resultOf(link, reloaded),
  ]));
}

/** Writes the file of an interface; false if the file has the text already. */
function write({ facts, state }: NetworkdLink): boolean {
  const file = fileOf(facts);
  const text = networkFile(imageFile(state), facts, state);
  if (readText(file) === text && state.get("NETWORK_FILE") === file) {
    return false;
  }
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
  return true;
}

function fileOf({ link: { name } }: Facts): string {
  return join(FILES, `0-lull-${name}.network`);
}

function isConfigured({ facts }: NetworkdLink): boolean {
  const state = networkdState(facts.link.index);
  return state?.get("NETWORK_FILE") === fileOf(facts) &&
    state.get("ADMIN_STATE") === "configured";
}

function resultOf({ facts }: NetworkdLink, reloaded: string): string[] | Error {
  const file = fileOf(facts);
  const state = networkdState(facts.link.index);
  const used = state?.get("NETWORK_FILE");
  if (used === file) {
    return [file, `${reloaded} (${state?.get("ADMIN_STATE")})`];
  }
  return new Error(`it uses ${used ?? "no file"}, and not ${file}`);
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
  // The servers of a lease go with it, and those of an earlier identity with its file.
  const isLast = given4 || given6 ||
    state.get("NETWORK_FILE") === fileOf(facts);
  const now = (key: string) =>
    isLast ? state.get(key)?.split(" ").filter(Boolean) : undefined;
  const dns = identity.dns ?? now("DNS");
  const search = identity.search ?? now("DOMAINS");
  const lines = [
    ...["[Match]", `Name=${link.name}`, "", kept(image).trim(), MARK],
    "[Link]",
    ...identity.mac ? [`MACAddress=${identity.mac}`] : [],
    ...identity.mtu ? [`MTUBytes=${identity.mtu}`] : [],
    "[Network]",
    `DHCP=${dhcpOf(image, given4, given6)}`,
    // An empty value removes what the image has.
    ...dns ? ["DNS=", ...dns.map((one) => `DNS=${one}`)] : [],
    ...search ? ["Domains=", `Domains=${search.join(" ")}`] : [],
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

/**
 * The settings of the image that stay: all but the section `Match`, which may match other interfaces,
 * too, and the addresses and routes, of which the kernel has those that are right.
 */
function kept(text: string): string {
  let section = "";
  return text.split("\n").filter((line) => {
    section = /^\s*\[(\w+)\]/.exec(line)?.[1] ?? section;
    if (["Match", "Address", "Route"].includes(section)) return false;
    return section !== "Network" || !/^\s*(?:Address|Gateway)\s*=/.test(line);
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
