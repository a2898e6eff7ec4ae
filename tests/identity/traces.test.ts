import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { describe, test } from "node:test";
import {
  residentRuns,
  writableMappings,
} from "../../src/identity/memory_map.ts";
import { pageBytes } from "../../src/linux/page_size.ts";
import { oweKill } from "../support/cleanup.ts";
import { commandFor } from "../support/namespace/mod.ts";
import { until } from "../support/until.ts";

const script = new URL("../support/secret_process.ts", import.meta.url);

/** How often the memory of a process that can be written has each of these texts. */
function occurrences(pid: number, needles: readonly Buffer[]): number[] {
  const texts = needles.map((needle) => needle.toString("latin1"));
  const counts = needles.map(() => 0);
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
  try {
    for (const mapping of writableMappings(pid)) {
      for (const [from, to] of residentRuns(pagemap, mapping, pageBytes())) {
        const bytes = Buffer.alloc(to - from);
        try {
          readSync(memory, bytes, 0, bytes.length, from);
        } catch {
          continue; // addresses that only the kernel uses
        }
        const all = bytes.toString("latin1");
        texts.forEach((text, i) => counts[i] += all.split(text).length - 1);
      }
    }
  } finally {
    closeSync(memory);
    closeSync(pagemap);
  }
  return counts;
}

/** Gives the process a secret; resolves with what it says. */
async function result(child: ChildProcess, text: string) {
  let said = "";
  child.stdout!.setEncoding("utf8").on("data", (part) => said += part);
  child.stdin!.write(`${text}\n`);
  await until("the result", () => said.endsWith("\n"), 60_000);
  return JSON.parse(said) as { places?: number; searched?: number };
}

describe("a secret in the memory of a process", () => {
  for (const size of [6, 32, 4000]) {
    test(`of ${size} bytes is overwritten in all its forms`, {
      timeout: 120_000,
    }, async () => {
      const text = randomBytes(size).toString("base64");
      const needles = [
        Buffer.from(text),
        Buffer.from(text, "utf16le"),
        ...size < 32 ? [] : [
          Buffer.from(text.slice(0, 24)),
          Buffer.from(text.slice(-24)),
          Buffer.from(text.slice(text.length / 2, text.length / 2 + 20)),
        ],
      ];
      for (const mode of ["keep", "overwrite"]) {
        const [command, ...args] = commandFor(script);
        const child = spawn(command, [...args, mode], {
          stdio: ["pipe", "pipe", "inherit"],
        });
        const debt = oweKill(child.pid!);
        try {
          const { places = 0, searched = 0 } = await result(child, text);
          const found = occurrences(child.pid!, needles);
          if (mode === "keep") {
            assert.ok(found.every((count) => count > 0), `${found}`);
          } else {
            assert.deepEqual(found, needles.map(() => 0));
            assert.ok(places >= 3, `${places} places`);
            assert.ok(searched > 2 ** 20, `${searched} bytes`);
          }
        } finally {
          debt.settle();
        }
      }
    });
  }
});
