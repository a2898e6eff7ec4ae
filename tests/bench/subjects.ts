/**
 * The agents that are measured in a machine.
 * @module
 */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { commandOf } from "../support/agent.ts";
import type { ImageOptions } from "../vm/support/image.ts";
import { type Contract, LULL } from "./guest_history.ts";

/** What Lull's config file gets. */
export type Config = Readonly<Record<string, unknown>>;

/** An agent in a machine. */
export interface Subject {
  readonly column: string;
  readonly image: ImageOptions;
  readonly contract: Contract;
  /** What each step on its own is called, and its configuration. */
  readonly steps: readonly (readonly [string, Config])[];
}

const OFF: Config = {
  dropCaches: "off",
  compactMemory: false,
  pageOut: "start",
  zeroMemoryMib: 0,
};

const STEPS: Subject["steps"] = [
  ["collected only", OFF],
  ["+ page cache dropped", { ...OFF, dropCaches: "pagecache" }],
  ["+ all caches dropped", { ...OFF, dropCaches: "all" }],
  ["+ compacted", { ...OFF, compactMemory: true }],
  ["+ own pages not even out at the start", { ...OFF, pageOut: "never" }],
  ["+ own unneeded pages out at the settle", { ...OFF, pageOut: "unneeded" }],
  ["+ all own pages out at the settle", { ...OFF, pageOut: "settle" }],
  ["+ free memory zeroed", { ...OFF, zeroMemoryMib: 512 }],
];

/** Lull on both runtimes. */
export function lulls(): Subject[] {
  const [program, ...words] = commandOf("binary");
  const help = spawnSync(program, [...words, "--help"], { encoding: "utf8" });
  const known = (key: string) =>
    help.stdout.includes(
      `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    );
  // A step that this version does not have is nothing to measure.
  const steps = STEPS.filter(([, config]) =>
    Object.entries(config).every(([key, value]) =>
      value === OFF[key] || known(key)
    )
  ).map(([name, config]) =>
    [
      name,
      Object.fromEntries(Object.entries(config).filter(([key]) => known(key))),
    ] as const
  );
  return [
    {
      column: "bun binary",
      image: { variant: "bun" },
      contract: LULL,
      steps,
    },
    { column: "deno", image: { variant: "deno" }, contract: LULL, steps: [] },
  ];
}

/**
 * The agent that AGENT, PREPARE, HEALTH and RECOVER of the environment name: its
 * binary and its paths. Undefined if they name none; an Error without a path that
 * is needed.
 */
export function namedPeer(
  env: Readonly<Record<string, string | undefined>>,
): Subject | undefined {
  const { AGENT, PREPARE: prepare, HEALTH: health, RECOVER } = env;
  if (!AGENT) return undefined;
  if (!prepare || !health) {
    throw new Error(
      "Cannot measure that agent: PREPARE and HEALTH must name its paths",
    );
  }
  return peer(resolve(AGENT), {
    prepare,
    health,
    recover: RECOVER || undefined,
  });
}

/** Any agent, by its binary and its paths. */
function peer(binary: string, contract: Contract): Subject {
  const image: ImageOptions = { variant: "bun", binary, name: "bench-agent" };
  return { column: "agent", image, contract, steps: [] };
}
