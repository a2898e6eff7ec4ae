/**
 * Results of tests that no test runner runs, for `make summary`.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** A test, and why it was skipped, if it was. */
export interface TestCase {
  readonly name: string;
  readonly skipped?: string;
}

/** Writes the results of a suite that has not failed. */
export function writeJunit(
  file: string,
  suite: string,
  cases: readonly TestCase[],
): void {
  const elements = cases.map(({ name, skipped }) => {
    const whole = skipped === undefined ? name : `${name}: ${skipped}`;
    const text = whole.replace(/[<>&"]/g, " ");
    return `<testcase name="${text}">${
      skipped === undefined ? "" : "<skipped/>"
    }</testcase>`;
  });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `<testsuites><testsuite name="${suite}">${
      elements.join("")
    }</testsuite></testsuites>\n`,
  );
}
