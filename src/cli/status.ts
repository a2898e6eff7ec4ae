/**
 * The status of the agent, as `lull status` prints it for people.
 * @module
 */
import type { Status, StepReport } from "../client/mod.ts";
import { stepTable, table } from "./table.ts";

/** The state in rows, and then the steps of the prepare or of the recovery, whichever was last. */
export function statusText(document: Status): string {
  const { state, settled, generation, version, runtime, operation, lease } =
    document;
  const { lastRecovery, owedThaws, ready, renewal } = document;
  const rows = [
    ["state", settled ? `${state}, settled` : state],
    ["generation", String(generation)],
    ["agent", `${version} on ${runtime.name} ${runtime.version}`],
  ];
  if (operation !== undefined) rows.push(["operation", operation.operation]);
  if (state !== "running") {
    rows.push(["lease", `${lease.left.toFixed(1)} s left`]);
  }
  if (lastRecovery !== undefined) {
    const { outcome, trigger, ms } = lastRecovery;
    rows.push(["last recovery", `${outcome}, by ${trigger}, in ${ms} ms`]);
  }
  if (renewal !== undefined) {
    const items = renewal.items.map(({ item, status }) => `${item} ${status}`);
    rows.push(["renewal", items.join(", ")]);
  }
  if (ready !== undefined) {
    rows.push([
      "ready",
      ready === 1 ? "1 program waits" : `${ready} programs wait`,
    ]);
  }
  if (owedThaws !== undefined) rows.push(["owed thaws", owedThaws.join(", ")]);
  const steps = stepsOf(document);
  return [
    table(rows),
    ...steps === undefined ? [] : ["", stepTable(steps)],
  ].join("\n");
}

/** A prepare that failed says more than its undo. */
function stepsOf(
  { state, operation, lastRecovery }: Status,
): readonly StepReport[] | undefined {
  return state === "running" && lastRecovery?.trigger !== "failure"
    ? lastRecovery?.steps
    : operation?.steps;
}
