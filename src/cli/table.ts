/**
 * Tables for people: columns of text, and the reports of steps.
 * @module
 */
import type { StepReport } from "../client/mod.ts";

/** Makes lines of columns, each as wide as its widest text. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (widths, row) =>
      row.map((text, i) => Math.max(widths[i] ?? 0, text.length)),
    [],
  );
  return rows.map((row) =>
    row.map((text, i) => text.padEnd(widths[i])).join("  ").trimEnd()
  ).join("\n");
}

/** One row for each step: its name, status, duration, reason and effect. */
export function stepTable(steps: readonly StepReport[]): string {
  return table([
    ["STEP", "STATUS", "MS", "DETAILS"],
    ...steps.map(({ name, status, ms, reason, effect }) => [
      name,
      status,
      ms.toFixed(1),
      [reason ?? "", detailsOf(effect)].filter((text) => text !== "")
        .join("; "),
    ]),
  ]);
}

function detailsOf(effect: StepReport["effect"]): string {
  return Object.entries(effect ?? {}).map(([key, value]) =>
    `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
  ).join(" ");
}
