/**
 * One bout of a storm: several hosts at once, and at its end a guest as before.
 * @module
 */
import assert from "node:assert/strict";
import type { Target } from "../support/agent.ts";
import { startAnother } from "../support/another_agent.ts";
import type { Mood } from "../support/hook_log.ts";
import { until } from "../support/until.ts";
import type { Client } from "./client.ts";
import type { Guest } from "./guest.ts";
import { Host, live, pause } from "./hosts.ts";
import { Life } from "./life.ts";
import type { Random } from "./random.ts";

/** How a bout ends. */
type End = "recover" | "lease" | "SIGTERM" | "SIGINT" | "SIGKILL";

/** Milliseconds until a lease of 2 s has ended, and the slowest undo. */
const LEASE_ENDS_MS = 40_000;

/** What happens in a bout. */
interface Plot {
  readonly hosts: number;
  /** Hooks fail, hang, or take their time. */
  readonly moody: boolean;
  /** Another agent is started on the same runtime directory. */
  readonly rival: boolean;
  readonly ms: number;
  readonly end: End;
}

/** What acts in a bout. */
export interface Stage {
  readonly target: Target;
  readonly guest: Guest;
  readonly client: Client;
  readonly life: Life;
}

/** Runs one; gives the life after it: the same, or that of the next process. */
export async function bout(stage: Stage, random: Random): Promise<Life> {
  const { target, guest, client, life } = stage;
  const hosts = random.between(2, 8);
  const moody = random.chance(0.6);
  const rival = random.chance(0.3);
  const ms = random.between(200, 3000);
  const end = random.weighted<End>([
    [3, "recover"],
    [3, "lease"],
    [3, "SIGTERM"],
    [1, "SIGINT"],
    [4, "SIGKILL"],
  ]);
  life.restores = random.chance(0.3);
  client.note(`bout: ${hosts} hosts, ${ms} ms, then ${end}`);
  await storm(stage, random, { hosts, moody, rival, ms, end });
  client.note(`the bout is over: ${end}`);
  if (life.ends) {
    life.assertLog();
    // A prepare that was killed is undone by the next start.
    if (!life.killed) await guest.assertThawed();
    await life.agent.stop();
    if (random.chance(0.7)) guest.calm();
    return await begin({ target, guest, client });
  }
  guest.calm();
  await life.alone();
  await calm(life, client, end === "lease");
  await assertAsBefore(life);
  return life;
}

/** Starts the agent: it undoes what a killed one has left. */
export async function begin(
  { target, guest, client }: Omit<Stage, "life">,
): Promise<Life> {
  const life = await Life.start(target, guest);
  client.note(`an agent began, process ${life.agent.pid}`);
  try {
    await guest.assertThawed();
    guest.calm();
    await guest.register();
    assert.equal(await withdrawEntropy(life), 200, "the requirement withdrawn");
    await assertAsBefore(life);
    return life;
  } catch (error) {
    client.note(life.agent.output.slice(-4000));
    await life.end("SIGKILL");
    await life.agent.stop();
    throw error;
  }
}

async function assertAsBefore(life: Life): Promise<void> {
  await life.assertAtRest();
  await life.round();
  await life.assertAtRest();
  life.assertLog();
}

/** Hosts, the hypervisor and the guest's programs, until the bout is over. */
async function storm(
  stage: Stage,
  random: Random,
  { hosts, moody, rival, ms, end }: Plot,
): Promise<void> {
  const { life, client } = stage;
  let over = false;
  const isOver = () => over;
  const actors = Array.from({ length: hosts }, (_, i) => {
    const host = new Host(`host${random.between(0, 9999)}-${i}`, client, life);
    return live(host, random.fork(), isOver);
  });
  actors.push(stopAndGo(stage, random.fork(), isOver));
  // One that starts while the first one ends would take its place.
  if (rival && (end === "recover" || end === "lease")) {
    client.note("another agent starts on the same directory");
    actors.push(startAnother(stage.target, stage.guest.flags));
  }
  if (moody) actors.push(moods(stage, random.fork(), isOver));
  const time = async () => {
    await pause(ms);
    // The hosts go on until the process has ended.
    if (end !== "recover" && end !== "lease") await life.end(end);
  };
  const stop = () => void (over = true);
  await Promise.all([
    ...actors.map((actor) => actor.finally(stop)),
    time().finally(stop),
  ]);
}

/** Stops the process for a while, as a hypervisor stops the machine. */
async function stopAndGo(
  { life, client }: Stage,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    await pause(random.between(50, 900));
    if (life.ends) return;
    const ms = random.pick([0, 1, 10, 60, 300]);
    client.note(`stopped for ${ms} ms`);
    life.agent.kill("SIGSTOP");
    await pause(ms);
    life.agent.kill("SIGCONT");
  }
}

const MOODS: readonly (readonly [number, Mood])[] = [
  [16, "fine"],
  [6, "slow"],
  [1, "hang"],
  [3, "fail"],
];

/** The guest's programs change their moods, and one registers again. */
async function moods(
  { guest, life, client }: Stage,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  const all = [...guest.scripts, guest.program];
  while (!isOver()) {
    const one = random.pick(all);
    const phase = random.pick(["freeze", "thaw"] as const);
    const mood = random.weighted(MOODS);
    const registers = random.chance(0.1);
    client.note(`${one.name} is ${mood} at ${phase}`);
    one.set(phase, mood);
    if (registers && !life.ends) {
      await guest.register().catch((error) => {
        if (!life.ends) throw error;
      });
    }
    await pause(random.between(10, 300));
  }
}

/** Recovers for good, or waits until the leases have ended. */
async function calm(life: Life, client: Client, byLease: boolean) {
  const { agent } = life;
  if (byLease) {
    await until(
      "the end of all leases",
      async () => (await agent.status()).state === "running",
      LEASE_ENDS_MS,
    );
  }
  // A prepare whose caller has left may still begin.
  await until("a guest that runs", async () => {
    client.note(`recover: ${await withdrawEntropy(life)}`);
    await pause(20);
    return (await agent.status()).state === "running";
  });
  await life.alone();
}

/** Withdraws what hosts have required, if they have; recovers a quiesced guest. */
async function withdrawEntropy({ agent, guest }: Life): Promise<number> {
  const body = JSON.stringify({ requireEntropy: false });
  const { status } = await agent.ask("POST", "/snapshot/recover", body);
  guest.entropyRequired = false;
  return status;
}
