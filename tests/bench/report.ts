/**
 * The figures, as they are kept and as they are printed.
 * @module
 */

/** One line of the table: a value for each column that has one. */
export interface Figure {
  readonly part: string;
  readonly name: string;
  readonly unit: string;
  /** By column: bun, deno, socat, … A text says why there is none. */
  readonly values: Readonly<Record<string, number | string>>;
}

/** A bar of a chart of bars, or of a timeline. */
export interface Bar {
  readonly label: string;
  /** Where it begins; 0 if not given. */
  readonly from?: number;
  readonly length: number;
  readonly marked?: boolean;
}

/** Collects what the parts find out. */
export class Report {
  readonly figures: Figure[] = [];
  readonly charts: {
    file: string;
    title: string;
    unit: string;
    bars: Bar[];
  }[] = [];

  add(
    part: string,
    name: string,
    unit: string,
    values: Record<string, number | string>,
  ): void {
    this.figures.push({ part, name, unit, values });
  }

  chart(file: string, title: string, unit: string, bars: Bar[]): void {
    this.charts.push({ file, title, unit, bars });
  }

  /** The page: a table for each part. */
  text(): string {
    const parts = [...new Set(this.figures.map(({ part }) => part))];
    return parts.map((part) => this.#table(part)).join("\n\n");
  }

  #table(part: string): string {
    const figures = this.figures.filter((figure) => figure.part === part);
    const columns = [
      ...new Set(figures.flatMap(({ values }) => Object.keys(values))),
    ];
    const rows = [
      [part, ...columns, "unit"],
      ...figures.map(({ name, unit, values }) => [
        name,
        ...columns.map((column) => shown(values[column])),
        unit,
      ]),
    ];
    const widths = rows[0].map((_, i) =>
      Math.max(...rows.map((row) => row[i].length))
    );
    const lines = rows.map((row) =>
      `| ${
        row.map((word, i) =>
          i === 0 ? word.padEnd(widths[i]) : word.padStart(widths[i])
        ).join(" | ")
      } |`
    );
    const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
    return [lines[0], rule, ...lines.slice(1)].join("\n");
  }
}

/** Three digits that count, no more. */
function shown(value: number | string | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  return value.toFixed(
    size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2,
  );
}
