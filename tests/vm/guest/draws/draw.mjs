// Draws random numbers for ever, as any program does: draw.mjs FILE SECONDS
import { appendFileSync } from "node:fs";
import * as named from "node:crypto";
import crypto from "node:crypto";
import process from "node:process";

const [path, seconds] = process.argv.slice(2);
const hex = (bytes) => Buffer.from(bytes).toString("hex");

function draw() {
  const draws = {
    "Math.random": Math.random(),
    "crypto.randomUUID": globalThis.crypto.randomUUID(),
    "crypto.getRandomValues": hex(
      globalThis.crypto.getRandomValues(new Uint8Array(16)),
    ),
    "randomUUID": crypto.randomUUID(),
    "randomBytes": hex(crypto.randomBytes(16)),
    "randomInt": crypto.randomInt(2 ** 48 - 1),
    "randomFillSync": hex(crypto.randomFillSync(new Uint8Array(16))),
    "named randomBytes": hex(named.randomBytes(16)),
    "named randomUUID": named.randomUUID(),
    "key": crypto.generateKeyPairSync("ed25519").publicKey
      .export({ format: "der", type: "spki" }).toString("hex"),
  };
  if (globalThis.Bun) draws["Bun.randomUUIDv7"] = Bun.randomUUIDv7();
  return draws;
}

function round() {
  appendFileSync(path, "begin\n");
  appendFileSync(path, `${JSON.stringify(draw())}\n`);
  setTimeout(round, Number(seconds) * 1000);
}
round();
