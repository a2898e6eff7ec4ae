/**
 * Reports as tables, for people.
 */

/** Rows under a header, columns as wide as they must be. */
export function table(header: string[], rows: string[][]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => row[column].length))
  );
  const line = (row: string[]) =>
    "  " + row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd();
  const rule = "  " + widths.map((width) => "─".repeat(width)).join("  ");
  return [line(header), rule, ...rows.map(line)].join("\n");
}

/** A step of a report, as the agent gives it. */
export interface ReportedStep {
  readonly name: string;
  readonly status: string;
  readonly ms: number;
  readonly effect?: Record<string, unknown>;
  readonly reason?: string;
}

/** The steps of a report. */
export function stepTable(steps: readonly ReportedStep[]): string {
  return table(
    ["step", "status", "ms", "what it did"],
    steps.map(({ name, status, ms, effect, reason }) => [
      name,
      status,
      ms.toFixed(1),
      reason ?? effectText(effect ?? {}),
    ]),
  );
}

/** Bytes in MiB. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function effectText(effect: Record<string, unknown>): string {
  const text = Object.entries(effect).map(([name, value]) =>
    typeof value === "number" && value > 2 ** 16
      ? `${name} ${mebibytes(value)}`
      : `${name} ${
        typeof value === "object" ? JSON.stringify(value) : String(value)
      }`
  ).join(", ");
  return text.length > 90 ? text.slice(0, 89) + "…" : text;
}
