/**
 * Counts the tests that ran, from the JUnit files of both runtimes, and closes with one line.
 * Skipped tests are named, and failed tests with their errors: the end of a long output is what a
 * reader sees first.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

interface Case {
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped";
  /** The first lines of the error, if it failed. */
  readonly error: readonly string[];
}

/** The most lines of an error that are repeated. */
const ERROR_LINES = 8;

const ENTITIES: Record<string, string> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" },
};

/** The text of XML without its entities. */
function plain(text: string): string {
  return text.replace(
    /&(?:#(\d+)|(\w+));/g,
    (whole, code, name) =>
      code ? String.fromCodePoint(Number(code)) : ENTITIES[name] ?? whole,
  );
}

/** The first lines of the error of a test that failed; empty if there is none. */
function errorOf(inside: string): string[] {
  const [, text = ""] = /<(?:failure|error)[^>]*>([\s\S]*?)<\//.exec(inside) ??
    [];
  return plain(text).split("\n").filter((line) => line.trim() !== "")
    .slice(0, ERROR_LINES);
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
    error: errorOf(inside),
  }));
}

/** Deno lists a group as a case of its own, beside its members. */
function isGroup(name: string, cases: readonly Case[]): boolean {
  return cases.some((other) => other.name.startsWith(`${name} &gt; `));
}

const directory = process.argv[2];
if (!existsSync(directory)) {
  console.error(
    `Cannot count the tests: there is no ${directory}, run make test first`,
  );
  process.exit(1);
}
const total = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
for (const file of readdirSync(directory).sort()) {
  const all = casesOf(readFileSync(join(directory, file), "utf8"));
  const cases = all.filter(({ name }) => !isGroup(name, all));
  const count = (state: Case["state"]) =>
    cases.filter((one) => one.state === state).length;
  console.log(
    `${file}: ${count("passed")} passed, ${count("failed")} failed, ` +
      `${count("skipped")} skipped`,
  );
  for (const { name, state, error } of cases) {
    if (state === "skipped") console.log(`  skipped: ${plain(name)}`);
    if (state === "failed") {
      failures.push(`failed: ${file}: ${plain(name)}`);
      failures.push(...error.map((line) => `  ${line}`));
    }
    total[state]++;
  }
}
for (const line of failures) console.log(line);
console.log(
  `${total.passed} passed, ${total.failed} failed` +
    (total.skipped > 0 ? `, ${total.skipped} skipped` : ""),
);
