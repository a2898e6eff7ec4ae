/**
 * Converts a logged value to text: a string is unchanged, another primitive is
 * converted by String, an error by its stack, and an object to JSON-like text.
 */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : write(value, []);
}

/** `parents` are the objects that contain the value. */
function write(value: unknown, parents: readonly object[]): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Error) return value.stack ?? String(value);
  // A function is written as undefined.
  if (typeof value === "function") return "undefined";
  if (typeof value !== "object" || value === null) return String(value);
  // A cycle must not make the log call throw.
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
