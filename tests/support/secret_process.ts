/**
 * A process that gets a secret, as base64 on its standard input, and has it in its memory in
 * several forms. With the argument `overwrite`, it overwrites them. Prints the result as JSON, and
 * then waits for the end of its input, so that a test can look into its memory.
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { randomBytes } from "../../src/identity/item.ts";
import { SecretTraces } from "../../src/identity/traces.ts";
import { realLibc } from "./libc.ts";

const kept: unknown[] = [];
const traces = new SecretTraces(await realLibc(), randomBytes);
process.stdin.setEncoding("latin1");
let text = "";
process.stdin.on("data", async (part: string) => {
  text += part;
  if (!text.endsWith("\n")) return;
  text = text.trim();
  const half = Math.ceil(text.length / 2);
  kept.push(
    JSON.parse(`{"data":"${text}"}`), // a string of one byte each
    JSON.parse(`{"data":"${text}\u2603"}`), // a string of two bytes each
    Buffer.from(`POST /snapshot/recover HTTP/1.1\r\n\r\n{"data":"${text}"}`),
    Buffer.from(`...${text.slice(0, half)}`), // parts, as packets have them
    Buffer.from(`${text.slice(half)}...`),
  );
  const data = new Uint8Array(Buffer.from(text, "base64"));
  traces.note(data);
  data.fill(0);
  const effect = process.argv[2] === "overwrite"
    ? await traces.overwrite(new AbortController().signal)
    : {};
  console.log(JSON.stringify({ ...effect, kept: kept.length }));
});
