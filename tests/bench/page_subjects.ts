/**
 * What the page counter measures, and how it is told: by the environment.
 * @module
 */
import { join } from "node:path";
import { type Kind, KINDS } from "../../src/lifecycle/request.ts";
import { type GuestKind, GUESTS } from "../vm/support/guests.ts";
import { HELPER_PORT } from "../vm/support/hardware.ts";
import type { ImageOptions } from "../vm/support/image.ts";
import type { Machine } from "../vm/support/machine.ts";
import { projectDir } from "../vm/support/paths.ts";
import { type Contract, healthy, LULL, settleGuest } from "./guest_history.ts";
import type { Ask } from "./page_forks.ts";
import { request } from "./request.ts";
import { namedPeer } from "./subjects.ts";

/** A guest whose pages are counted. */
export interface PageSubject {
  readonly column: string;
  readonly image: ImageOptions;
  /** Waits until the booted guest does what it is for. */
  readonly up: Ask;
  /** Makes the guest ready for a snapshot; undefined if nothing in it can be asked to. */
  readonly prepare?: (machine: Machine) => Promise<void>;
  /** Whether the agent is Lull, which can publish its working set. */
  readonly publishes?: boolean;
  /** What each kind of host asks of a fork, by the host's name. */
  readonly hosts: Readonly<Record<string, Ask>>;
}

/** How much is measured. */
export interface PageOptions {
  readonly subjects: readonly PageSubject[];
  /** Forks whose median is taken. */
  readonly restores: number;
  /** 2: also forks of a fork that was prepared again. */
  readonly generations: number;
  /** The hosts that are measured; a subject that has no such host is left out there. */
  readonly hosts: readonly string[];
  /** Milliseconds that a guest rests before it is prepared. */
  readonly restMs: number;
  /** Flags of the agent. */
  readonly flags: readonly string[];
}

const HOSTS = ["health", "recover"];

/** Each subject that has a name. */
const SUBJECTS: Readonly<Record<string, (kind?: Kind) => PageSubject>> = {
  none: () => ({
    column: "no agent",
    image: { variant: "none" },
    up: async (machine) => {
      await machine.helperReady();
      await machine.sh("echo page >/srv/helper/page");
    },
    hosts: {
      health: async (machine) =>
        await request(await machine.forward(HELPER_PORT), "GET", "/page"),
    },
  }),
  "bare-bun": () =>
    server("bare Bun", {
      variant: "bun",
      name: "bench-bare-bun",
      binary: join(projectDir, "dist/bare/bun"),
    }),
  "bare-deno": () =>
    server("bare Deno", {
      variant: "deno",
      name: "bench-bare-deno",
      bundle: join(projectDir, "dist/bare/deno"),
    }),
  bun: (kind) => agent("bun binary", { variant: "bun" }, LULL, kind),
  deno: (kind) => agent("deno", { variant: "deno" }, LULL, kind),
};

/**
 * Waits until the agent of a booted guest replies. Asks only once the guest's network
 * is up: QEMU delivers a request that was given up before that many seconds later, and
 * that health check would recover the prepared guest.
 */
async function healthyAfterBoot(
  machine: Machine,
  health: string,
): Promise<void> {
  await machine.helperReady();
  await healthy(machine, health);
}

/** A server that only replies. */
function server(column: string, image: ImageOptions): PageSubject {
  const { health } = LULL;
  return {
    column,
    image,
    up: (machine) => healthyAfterBoot(machine, health),
    hosts: { health: (machine) => request(machine.port, "GET", health) },
  };
}

function agent(
  column: string,
  image: ImageOptions,
  contract: Contract,
  kind?: Kind,
): PageSubject {
  const { health, recover } = contract;
  const hosts: Record<string, Ask> = {
    health: (machine) => request(machine.port, "GET", health),
  };
  if (recover) {
    hosts.recover = (machine) => {
      const body = contract === LULL ? hostData() : "";
      return request(machine.port, "POST", recover, body);
    };
  }
  return {
    column,
    image,
    up: (machine) => healthyAfterBoot(machine, health),
    prepare: (machine) => settleGuest(machine, contract, kind),
    publishes: contract === LULL,
    hosts,
  };
}

/** What a host that calls recover knows better than the guest. */
function hostData(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return JSON.stringify({
    outcome: "restored",
    hostTime: Date.now(),
    entropy: btoa(String.fromCharCode(...bytes)),
  });
}

/** Reads KIND, the kind of snapshot for which Lull prepares. An Error says that there is no such kind. */
export function kindOf(
  { KIND }: Readonly<Record<string, string | undefined>>,
): Kind | undefined {
  if (!KIND) return undefined;
  refuseUnknown("KIND", [KIND], KINDS);
  return KIND as Kind;
}

/**
 * Reads KIND, SUBJECTS, RESTORES, GENERATIONS, HOSTS, REST (seconds) and AGENT_FLAGS,
 * what `namedPeer` reads, and GUEST, the kind of the guests. An Error names what it cannot use.
 */
export function pageOptions(
  env: Readonly<Record<string, string | undefined>>,
): PageOptions {
  const all = { ...SUBJECTS };
  const peer = namedPeer(env);
  if (peer) all.agent = () => agent(peer.column, peer.image, peer.contract);
  const names = listOf(env, "SUBJECTS", peer ? ["agent"] : Object.keys(all));
  refuseUnknown("SUBJECTS", names, Object.keys(all));
  const kind = kindOf(env);
  const hosts = listOf(env, "HOSTS", HOSTS);
  refuseUnknown("HOSTS", hosts, HOSTS);
  return {
    subjects: names.map((name) => on(env.GUEST, all[name](kind))),
    restores: numberOf(env, "RESTORES", 5),
    generations: numberOf(env, "GENERATIONS", 2),
    hosts,
    restMs: 1000 * numberOf(env, "REST", 4),
    flags: (env.AGENT_FLAGS ?? "").split(" ").filter(Boolean),
  };
}

/** A subject in a guest of another kind, which its column names. */
function on(guest: string | undefined, subject: PageSubject): PageSubject {
  if (!guest) return subject;
  refuseUnknown("GUEST", [guest], Object.keys(GUESTS));
  const { column, image } = subject;
  return {
    ...subject,
    column: `${column}, ${guest}`,
    image: { ...image, guest: guest as GuestKind },
  };
}

function refuseUnknown(
  variable: string,
  names: readonly string[],
  known: readonly string[],
): void {
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new Error(
      `Cannot measure ${name}: ${variable} may name ${known.join(", ")}`,
    );
  }
}

function listOf(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  usual: readonly string[],
): readonly string[] {
  const words = (env[name] ?? "").split(",").filter(Boolean);
  return words.length > 0 ? words : usual;
}

function numberOf(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  usual: number,
): number {
  const value = Number(env[name] || usual);
  if (value > 0 && Number.isInteger(value)) return value;
  throw new Error(`Cannot use ${name}: it must be a whole number above 0`);
}
