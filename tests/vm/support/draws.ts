import assert from "node:assert/strict";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import type { Machine } from "./machine.ts";
import { BUN, DENO, DRAWS, type Runtimes } from "./runtimes.ts";
import { startInCgroup } from "./workload.ts";

/** The programs of a guest that draw random numbers, and what they drew. */

/** Where the programs write. */
const FOLDER = "/run/draws";

/** Seconds between two rounds of draws of one program. */
const PAUSE = 0.5;

const SCRIPT = "/usr/lib/lull/preload/lull_random.cjs";

/** One program, with its preload or without. */
export interface Drawer {
  readonly name: string;
  readonly isPreloaded: boolean;
  readonly command: string;
  /** The draws of which the preload does not promise anything. */
  readonly unpromised: readonly string[];
}

/** The values of one round, by the name of their function. */
type Draws = Readonly<Record<string, unknown>>;

/** What a program has written: the whole rounds, and whether it is in the middle of one. */
interface Written {
  readonly rounds: readonly Draws[];
  readonly hasBegun: boolean;
}

/** Every program twice, with its preload and without. */
export function drawersOf({ python, node }: Runtimes): Drawer[] {
  const script = `${DRAWS}/draw.mjs`;
  const list: Drawer[] = [];
  const add = (
    name: string,
    plain: string,
    preloaded: string,
    unpromised: readonly string[] = [],
  ) => {
    const both = { [name]: plain, [`${name}_preloaded`]: preloaded };
    for (const [file, command] of Object.entries(both)) {
      list.push({
        name: file,
        isPreloaded: command === preloaded,
        command: `${command} ${FOLDER}/${file} ${PAUSE}`,
        unpromised,
      });
    }
  };
  if (python !== undefined) {
    const draw = `${DRAWS}/draw.py`;
    // -S: no module site, and therefore no .pth file.
    add("python", `${python} -S ${draw}`, `${python} ${draw}`);
  }
  if (node !== undefined) {
    const profile = ". /etc/profile.d/lull-preload-node-openssl.sh";
    add("node", `${node} ${script}`, login(profile, `${node} ${script}`));
  }
  const profile = ". /etc/profile.d/lull-preload-bun.sh";
  add("bun", `${BUN} ${script}`, login(profile, `${BUN} ${script}`));
  const deno = `env DENO_DIR=/tmp/deno ${DENO} run -A --no-config`;
  add("deno", `${deno} ${script}`, `${deno} --preload=${SCRIPT} ${script}`, [
    ...["named randomBytes", "named randomUUID", "key"],
  ]);
  return list;
}

/** The command, as a login shell starts it. */
function login(profile: string, command: string): string {
  return `env LOGIN="${profile}; exec ${command}" /srv/draws/login`;
}

/** Installs the preloads in the guest, and starts all programs in the cgroup of the workload. */
export async function startDrawing(
  machine: Machine,
  drawers: readonly Drawer[],
): Promise<string> {
  // Python needs one of the directories that distributions have.
  await machine.sh(
    `mkdir -p ${FOLDER} /etc/profile.d /usr/lib/python3/dist-packages`,
  );
  const said = await machine.sh(
    "/usr/local/bin/lull install --root / --preload=python,node-openssl,bun,deno",
  );
  for (const { command } of drawers) await startInCgroup(machine, command);
  await until("draws of all programs", async () => {
    const written = await drawn(machine, drawers);
    return written.every(({ rounds }) => rounds.length >= 2);
  }, 2 * LIMIT);
  return said;
}

/** What each program has written so far. */
export async function drawn(
  machine: Machine,
  drawers: readonly Drawer[],
): Promise<Written[]> {
  const { stdout } = await machine.exec(
    drawers.map(({ name }) => `cat ${FOLDER}/${name}; echo; echo end`)
      .join(";"),
  );
  const texts = stdout.split("\nend\n").slice(0, drawers.length);
  assert.equal(texts.length, drawers.length);
  return texts.map((text) => {
    const lines = text.split("\n").filter((line) =>
      /^(begin|\{.*\})$/.test(line)
    );
    const rounds = lines.filter((line) => line !== "begin")
      .map((line) => JSON.parse(line) as Draws);
    return { rounds, hasBegun: lines.at(-1) === "begin" };
  });
}

/**
 * The first round of each program that a fork began, as soon as all have one. The values of a round
 * that had begun before the snapshot may be those of the snapshot.
 */
export async function firstRounds(
  fork: Machine,
  drawers: readonly Drawer[],
  before: readonly Written[],
): Promise<Draws[]> {
  const skip = before.map(({ rounds, hasBegun }) =>
    rounds.length + (hasBegun ? 1 : 0)
  );
  return await until("draws of the fork", async () => {
    const written = await drawn(fork, drawers);
    const first = written.map(({ rounds }, i) => rounds[skip[i]]);
    return first.every((round) => round !== undefined) ? first : undefined;
  }, LIMIT) as Draws[];
}

/** The names of the draws of one program whose value more than one fork has. */
export function repeated(rounds: readonly Draws[]): string[] {
  return Object.keys(rounds[0]).filter((name) =>
    new Set(rounds.map((round) => JSON.stringify(round[name]))).size <
      rounds.length
  );
}
