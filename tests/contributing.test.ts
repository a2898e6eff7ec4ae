/**
 * The section of CONTRIBUTING.md that follows one prepare request. Each file that it names exists
 * and is named once, and no step is missing.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { plan } from "../src/lifecycle/make_plan.ts";
import { everyPart } from "./support/fake_plan.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url).href);
const LIMITS = { hooksLimitMs: 1, workloadLimitMs: 1, freezeHoldMs: 1 };

/** The paths below src that the section names, in its order. */
function namedFiles(): string[] {
  const text = readFileSync(`${ROOT}.github/CONTRIBUTING.md`, "utf8");
  const [, section] = text.split("## One prepare request\n");
  const [walk] = section.split("\n## ");
  return [...walk.matchAll(/`([\w/]+\.ts)`/g)].map(([, path]) => path);
}

test("each file of a prepare exists, and is named once", () => {
  const named = namedFiles();
  assert.ok(named.length > 100, `${named.length} files`);
  const missing = named.filter((path) => !existsSync(`${ROOT}src/${path}`));
  assert.deepEqual(missing, []);
  const again = named.filter((path, at) => named.indexOf(path) !== at);
  assert.deepEqual(again, []);
});

test("every step of the plan is named, in the order of the plan", () => {
  const { beforeReply, settle } = plan(everyPart(), LIMITS);
  const files = [...beforeReply, ...settle]
    .map(({ name }) => `steps/${name.replaceAll("-", "_")}.ts`)
    .map((path) =>
      // Some steps share their file with another step or repair.
      path.replace("late_connections", "connections")
        .replace(/wipe_(credentials|memory)/, "credentials")
        .replace("workload_connections", "reset_connections")
    );
  assert.deepEqual(
    namedFiles().filter((path) => path.startsWith("steps/")),
    [...new Set(files)],
  );
});
