/**
 * The text of a value that is logged: strings stay, primitives by String,
 * errors by their stack, objects as JSON-like text.
 */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : write(value, []);
}

/** `parents` are the objects that the value is inside of. */
function write(value: unknown, parents: readonly object[]): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Error) return value.stack ?? String(value);
  // A function inside an object has no text, as in JSON.
  if (typeof value === "function") return "undefined";
  if (typeof value !== "object" || value === null) return String(value);
  // A log call must not end the program that it tells about.
  if (parents.includes(value)) return '"[Circular]"';
  const inside = [...parents, value];
  if (Array.isArray(value)) {
    return `[${value.map((item) => write(item, inside)).join(",")}]`;
  }
  const members = Object.entries(value).map(([key, member]) =>
    `${JSON.stringify(key)}:${write(member, inside)}`
  );
  return `{${members.join(",")}}`;
}
