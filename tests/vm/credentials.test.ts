import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import {
  callRecover,
  health,
  prepareSettled,
  restartAgent,
  stepOf,
} from "./support/agent.ts";
import { Fleet, say } from "./support/fleet.ts";
import type { Machine } from "./support/machine.ts";

/** The secrets of each round, in one request of several packets: a token, and a key. */
const SIZES = [32, 2500];
/** Bytes that are searched for, and how many places of a secret. */
const PIECE = 20;
const PLACES = 5;

/** A secret as the file and the request have it. */
interface Secret {
  readonly data: Buffer;
  readonly text: Buffer;
}

function newSecret(bytes: number): Secret {
  const data = randomBytes(bytes);
  return { data, text: Buffer.from(data.toString("base64")) };
}

/** Pieces of a secret in each form: both ends, and parts between them. */
function piecesOf({ data, text }: Secret): Buffer[] {
  return [data, text].flatMap((bytes) =>
    Array.from({ length: PLACES }, (_, i) => {
      const at = Math.floor((bytes.length - PIECE) * i / (PLACES - 1));
      return bytes.subarray(at, at + PIECE);
    })
  );
}

/** The addresses in the machine's memory that have a piece of one of the secrets, with what is around. */
function found(machine: Machine, secrets: readonly Secret[]): string[] {
  const memory = readFileSync(machine.memoryFile);
  return secrets.flatMap(piecesOf).flatMap((piece) => {
    const places: string[] = [];
    for (let at = memory.indexOf(piece); at !== -1;) {
      const around = memory.subarray(Math.max(0, at - 200), at + 40);
      const text = around.toString("latin1").replace(/[^ -~]+/g, ".");
      places.push(`${at.toString(16)}: ${text}`);
      at = memory.indexOf(piece, at + 1);
    }
    return places;
  });
}

async function give(machine: Machine, secrets: readonly Secret[]) {
  const { status, reply } = await callRecover(machine, {
    credentials: Object.fromEntries(
      secrets.map(({ text }, i) => [`secret-${i}`, { data: text.toString() }]),
    ),
  });
  assert.equal(status, 200, JSON.stringify(reply));
}

describe("the secrets of a fork, in a machine whose memory is a file", () => {
  const fleet = new Fleet("bun", {
    memoryFile: "whole",
    flags: ["--zero-memory-mib=512"],
  });

  fleet.test("no page of a snapshot has them after a prepare", async () => {
    const machine = await fleet.copy();
    for (const kind of ["full", "diff"]) {
      const secrets = SIZES.map(newSecret);
      await give(machine, secrets);
      await machine.stop();
      assert.ok(found(machine, secrets).length > 0, "the search finds nothing");
      await machine.cont();
      const file = "/run/credentials/lull/secret-0";
      assert.equal(
        await machine.sh(`sha256sum <${file} | cut -c1-64`),
        createHash("sha256").update(secrets[0].data).digest("hex"),
      );
      const { steps } = await prepareSettled(machine, `kind=${kind}`);
      await machine.stop();
      const { effect, ms } = stepOf(steps, "wipe-memory");
      say(`${kind}: wiped in ${ms} ms, ${JSON.stringify(effect)}`);
      assert.deepEqual(found(machine, secrets), [], kind);
      await machine.cont();
      await health(machine);
      assert.equal(await machine.sh("ls /run/credentials/lull"), "");
    }
  });

  fleet.test("nor after the agent was killed", async () => {
    const machine = await fleet.copy();
    const secrets = [newSecret(32)];
    await give(machine, secrets);
    await restartAgent(machine, "KILL");
    const { steps } = await prepareSettled(machine);
    assert.deepEqual(stepOf(steps, "wipe-credentials").effect, { files: 1 });
    await machine.stop();
    assert.deepEqual(found(machine, secrets), []);
  });
});
