import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { PAGE } from "../bench/memory_files.ts";
import { listFork } from "../bench/page_forks.ts";
import { health, prepareSettled, status } from "./support/agent.ts";
import { Fleet, say } from "./support/fleet.ts";
import { removeSnapshot } from "./support/machine.ts";
import { projectDir } from "./support/paths.ts";

/** The hashes of all pages of a file. */
function pagesOf(file: string): Set<string> {
  const bytes = readFileSync(file);
  const hashes = new Set<string>();
  for (let at = 0; at + PAGE <= bytes.length; at += PAGE) {
    hashes.add(hash(bytes.subarray(at, at + PAGE)));
  }
  hashes.delete(hash(new Uint8Array(PAGE)));
  return hashes;
}

function hash(page: Uint8Array): string {
  return createHash("sha1").update(page).digest("base64");
}

describe("the published working set", () => {
  const fleet = new Fleet("bun", {
    memoryFile: "whole",
    flags: ["--publish-working-set", "--no-forward-ports"],
  });

  fleet.test("names pages of the agent in the guest's memory, which a fork touches", async () => {
    const machine = await fleet.copy();
    // The first round: its settle and its recovery add to the record.
    await prepareSettled(machine);
    await health(machine);
    await prepareSettled(machine);
    const { workingSet } = await status(machine);
    assert.ok(workingSet);
    assert.equal(workingSet.pageSize, PAGE);
    // The test itself asks from inside the guest: it gets nothing.
    const inside = await machine.sh(
      "wget -qO- http://127.0.0.1:49983/snapshot; " +
        "wget -qO- http://10.0.2.15:49983/snapshot",
    );
    assert.match(inside, /"settled":true/);
    assert.doesNotMatch(inside, /workingSet/);
    const snapshot = await fleet.snapshot(machine, "prepared");
    await fleet.kill(machine);

    // The guest has less than 2 GiB: an address is a place in its memory file.
    const pages = workingSet.ranges.flatMap(([address, bytes]) =>
      Array.from({ length: bytes / PAGE }, (_, i) => address / PAGE + i)
    );
    const memory = readFileSync(snapshot.memory!);
    const program = pagesOf(join(projectDir, "dist", "lull"));
    const ofProgram = pages.filter((page) =>
      program.has(hash(memory.subarray(page * PAGE, (page + 1) * PAGE)))
    );
    say(`${pages.length} pages, ${ofProgram.length} of the program`);
    assert.ok(ofProgram.length > 500, `${ofProgram.length} of the program`);

    const { touched } = await listFork(snapshot, health, 0);
    removeSnapshot(snapshot);
    if (touched === undefined) {
      return say("not tested: this kernel does not list touched pages");
    }
    const published = new Set(pages);
    const hits = touched.filter((page) => published.has(page)).length;
    say(`a fork touches ${touched.length} pages, ${hits} of the published`);
    // The rest is the kernel's own, and the helper of the tests.
    assert.ok(hits > 0.4 * touched.length, `${hits} of ${touched.length}`);
  });
});
