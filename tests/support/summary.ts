/**
 * Counts the tests that ran, from the JUnit files of both runtimes, and closes
 * with one line. Skipped tests are named, so that a reader sees them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

interface Case {
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
}

function casesOf(xml: string): Case[] {
  return [...xml.matchAll(
    /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )].map(([, name, inside = ""]) => ({
    name,
    state: /<(failure|error)/.test(inside)
      ? "failed"
      : inside.includes("<skipped")
      ? "skipped"
      : "passed",
  }));
}

/** Deno lists a group as a case of its own, beside its members. */
function isGroup(name: string, cases: readonly Case[]): boolean {
  return cases.some((other) => other.name.startsWith(`${name} &gt; `));
}

const directory = process.argv[2];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of readdirSync(directory).sort()) {
  const all = casesOf(readFileSync(join(directory, file), "utf8"));
  const cases = all.filter(({ name }) => !isGroup(name, all));
  const count = (state: Case["state"]) =>
    cases.filter((one) => one.state === state).length;
  console.log(
    `${file}: ${count("passed")} passed, ${count("failed")} failed, ` +
      `${count("skipped")} skipped`,
  );
  for (const { name, state } of cases) {
    if (state === "skipped") console.log(`  skipped: ${name}`);
    total[state]++;
  }
}
console.log(
  `${total.passed} passed, ${total.failed} failed` +
    (total.skipped > 0 ? `, ${total.skipped} skipped` : ""),
);
