/**
 * Figures as they come in, by line and column.
 * @module
 */
import type { Report } from "./report.ts";

type Values = Record<string, number | string>;

/** Lines keep the order in which they were first set. */
export class Table {
  readonly #lines = new Map<string, { unit: string; values: Values }>();

  /** Gives a line its place before it has a value; without one it is left out. */
  reserve(name: string, unit: string): void {
    if (!this.#lines.has(name)) this.#lines.set(name, { unit, values: {} });
  }

  set(
    name: string,
    unit: string,
    column: string,
    value: number | string,
  ): void {
    this.reserve(name, unit);
    this.#lines.get(name)!.values[column] = value;
  }

  /** NaN where there is none. */
  number(name: string, column: string): number {
    return Number(this.#lines.get(name)?.values[column] ?? NaN);
  }

  /** The lines whose names begin so. */
  rows(start: string): [string, Values][] {
    return [...this.#lines].filter(([name]) => name.startsWith(start))
      .map(([name, { values }]) => [name, values]);
  }

  into(report: Report, part: string): void {
    for (const [name, { unit, values }] of this.#lines) {
      if (Object.keys(values).length === 0) continue;
      report.add(part, name, unit, values);
    }
  }
}
