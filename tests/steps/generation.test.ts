import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GenerationFile,
  generationRepair,
  readGeneration,
} from "../../src/steps/generation.ts";
import { descriptorsOf } from "../support/descriptors.ts";
import { repairWith } from "../support/recovery.ts";

describe("the published generation", () => {
  let root = "";
  before(() => void (root = mkdtempSync(join(tmpdir(), "lull-generation-"))));
  after(() => rmSync(root, { recursive: true }));

  it("is none before the first recovery", () => {
    assert.equal(readGeneration(join(root, "missing")), undefined);
  });

  it("is what the recovery says, and is read back", async () => {
    const directory = join(root, "run");
    const effect = await repairWith(
      generationRepair(new GenerationFile(directory)),
      {},
    );
    const path = join(directory, "generation");
    assert.deepEqual(effect, { generation: 3, path });
    const published = JSON.parse(readFileSync(path, "utf8"));
    assert.deepEqual(published, {
      generation: 3,
      operation: "op",
      outcome: "restored",
      time: new Date(published.time).toISOString(),
    });
    assert.ok(Math.abs(Date.parse(published.time) - Date.now()) < 5000);
    assert.deepEqual(readGeneration(directory), published);
  });

  it("is another file each time, so that no reader sees half of it", async () => {
    const directory = join(root, "atomic");
    const repair = generationRepair(new GenerationFile(directory));
    await repairWith(repair, {}, { generation: 1 });
    const { ino } = statSync(join(directory, "generation"));
    await repairWith(repair, {}, { generation: 2 });
    assert.notEqual(statSync(join(directory, "generation")).ino, ino);
    assert.equal(readGeneration(directory)?.generation, 2);
    assert.deepEqual(readdirSync(directory), ["generation"]);
  });

  it("is the same where it was got ready for", async () => {
    const directory = join(root, "ready");
    const file = new GenerationFile(directory);
    const repair = generationRepair(file);
    const open = () => descriptorsOf((path) => path.startsWith(directory));
    file.ready(); // there is no directory yet
    await repairWith(repair, {}, { generation: 1 });
    assert.equal(readGeneration(directory)?.generation, 1);
    assert.equal(open(), 0);
    const { ino } = statSync(file.path);
    file.ready();
    file.ready();
    assert.equal(open(), 1);
    assert.equal(readGeneration(directory)?.generation, 1);
    await repairWith(repair, {}, { generation: 2 });
    assert.notEqual(statSync(file.path).ino, ino);
    assert.equal(readGeneration(directory)?.generation, 2);
    assert.deepEqual(readdirSync(directory), ["generation"]);
    for (let generation = 3; generation < 6; generation++) {
      file.ready(); // the last one that was published stays open, none before it
      assert.equal(open(), 2);
      await repairWith(repair, {}, { generation });
      assert.equal(readGeneration(directory)?.generation, generation);
    }
    file.close();
    assert.equal(open(), 0);
  });

  it("is published even if another program has removed the file that was ready", async () => {
    const directory = join(root, "removed");
    const file = new GenerationFile(directory);
    mkdirSync(directory);
    file.ready();
    rmSync(directory, { recursive: true });
    await repairWith(generationRepair(file), {}, { generation: 1 });
    assert.equal(readGeneration(directory)?.generation, 1);
    file.ready();
    const operation = "not of ASCII: é";
    await repairWith(generationRepair(file), {}, { operation });
    assert.equal(readGeneration(directory)?.operation, operation);
  });

  for (const text of ["", "{", "[]", '{"generation":-1}', "7"]) {
    it(`is refused where it is ${text || "empty"}`, () => {
      writeFileSync(join(root, "generation"), text);
      assert.throws(() => readGeneration(root), {
        message: `Cannot read the generation: ${
          join(root, "generation")
        } holds another document`,
      });
    });
  }

  it("is not published by a dry run, which fails where publishing fails", async () => {
    const directory = join(root, "deep", "dry");
    const file = new GenerationFile(directory);
    for (const _time of [1, 2]) {
      await repairWith(generationRepair(file), {}, { dryRun: true });
      assert.equal(readGeneration(directory), undefined);
      file.ready();
    }
    await repairWith(generationRepair(file), {});
    assert.equal(readGeneration(directory)?.generation, 3);
    file.close();
    const nowhere = generationRepair(new GenerationFile("/proc/lull"));
    await assert.rejects(repairWith(nowhere, {}, { dryRun: true }));
  });

  it("cannot be published where there is no directory to be", async () => {
    await assert.rejects(
      repairWith(generationRepair(new GenerationFile("/proc/lull")), {}),
    );
  });
});
