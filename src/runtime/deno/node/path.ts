/**
 * The functions of node:path that Lull uses.
 * @module
 */

/** Resolves `.`, `..` and repeated slashes. */
export function normalize(path: string): string {
  if (path === "") return ".";
  const isAbsolute = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isAbsolute) kept.push(part);
  }
  const last = path.endsWith("/") && kept.length > 0 ? "/" : "";
  const text = kept.join("/") + last;
  if (isAbsolute) return `/${text}`;
  return text || (path.endsWith("/") ? "./" : ".");
}

/** Joins parts with slashes, and normalizes the result. */
export function join(...parts: string[]): string {
  return normalize(parts.filter((part) => part !== "").join("/"));
}

/** The absolute path of the last part, seen from the parts before it. */
export function resolve(...parts: string[]): string {
  let path = "";
  for (const part of parts.toReversed()) {
    if (part === "") continue;
    path = path === "" ? part : `${part}/${path}`;
    if (part.startsWith("/")) break;
  }
  if (!path.startsWith("/")) path = `${Deno.cwd()}/${path}`;
  const normal = normalize(path);
  return normal.length > 1 ? normal.replace(/\/$/, "") : normal;
}

/** The path without its last part. */
export function dirname(path: string): string {
  const end = withoutEnd(path).lastIndexOf("/");
  if (end > 1) return path.slice(0, end);
  if (end === 1) return path.startsWith("/") ? "//" : path[0];
  return path.startsWith("/") ? "/" : ".";
}

/** The last part of the path. */
export function basename(path: string, suffix = ""): string {
  const whole = withoutEnd(path);
  const last = whole.slice(whole.lastIndexOf("/") + 1);
  const isLonger = last.length > suffix.length && last.endsWith(suffix);
  return isLonger ? last.slice(0, last.length - suffix.length) : last;
}

/** The path without slashes at its end. */
function withoutEnd(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end--;
  return path.slice(0, end);
}
