/**
 * The dashboard and the alert rules, and the PromQL expressions in them.
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const DIRECTORY = join(
  import.meta.dirname!,
  ...["..", "..", ".github", "observability"],
);

/** The paths of both files. */
export const DASHBOARD = join(DIRECTORY, "dashboard.json");
export const ALERTS = join(DIRECTORY, "alerts.yml");

/** An expression, and where it is. */
export interface Expression {
  readonly at: string;
  readonly text: string;
}

/** The dashboard, as far as tests read it. */
interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(DASHBOARD, "utf8"));
}

/** The expressions of the dashboard. Grafana fills in its variables. */
export function dashboardExpressions(): Expression[] {
  return readDashboard().panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      at: `panel ${title}`,
      text: expr.replaceAll("$__rate_interval", "5m")
        .replaceAll("$instance", ".*"),
    }))
  );
}

/** The expressions of the rules: each is on a line of its own. */
export function alertExpressions(): Expression[] {
  const rules = readFileSync(ALERTS, "utf8").split(/^ {6}- alert: /m).slice(1);
  return rules.map((rule) => {
    const at = rule.slice(0, rule.indexOf("\n"));
    const text = /^ {8}expr: (.+)$/m.exec(rule)?.[1];
    if (text === undefined) throw new Error(`Cannot find the expr of ${at}`);
    return { at: `alert ${at}`, text };
  });
}
