/**
 * Makes the text of a family of metrics, as OpenMetrics describes it.
 * @module
 */

/** Makes the lines of a family. A sample has the end of its name, with labels, and its value. */
export function family(
  name: string,
  type: "counter" | "gauge" | "histogram" | "info",
  help: string,
  samples: readonly (readonly (string | number)[])[],
): string[] {
  return [
    `# TYPE ${name} ${type}`,
    `# HELP ${name} ${help}`,
    ...samples.map(([suffix, value]) => `${name}${suffix} ${value}`),
  ];
}
