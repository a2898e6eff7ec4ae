/**
 * Writes secrets by one agent, and wipes them by another one, as after a kill. Runs in a mount
 * namespace of its own.
 */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CredentialFiles } from "../../../src/identity/credentials.ts";
import { readMounts } from "../../../src/linux/mountinfo.ts";
import { credentialSteps } from "../../../src/steps/credentials.ts";
import { stepContext } from "../hooks.ts";
import { realLibc } from "../libc.ts";

const base = mkdtempSync(join(tmpdir(), "lull-credentials-"));
const directory = join(base, "credentials");
const libc = await realLibc();
const bytes = (text: string) => new TextEncoder().encode(text);
const own = () =>
  readMounts().filter(({ mountPoint }) => mountPoint === directory)
    .map(({ type }) => type);

const outside = join(base, "outside");
writeFileSync(outside, "not a secret");
const first = new CredentialFiles(libc, directory);
first.write(new Map([["token", { data: bytes("first") }]]));
// A program that has the file open sees what becomes of its memory.
const open = openSync(join(directory, "token"), "r");
const seen = () => {
  const into = new Uint8Array(16);
  const count = readSync(open, into, 0, into.length, 0);
  return new TextDecoder().decode(into.subarray(0, count));
};
first.write(new Map([["token", { data: bytes("second") }]]));
const replaced = {
  seen: seen(),
  now: readFileSync(join(directory, "token"), "utf8"),
  mounts: own(),
};
closeSync(open);
symlinkSync(outside, join(directory, "link"));

// Another agent, which knows nothing of them.
const steps = () => credentialSteps({ libc, directory, zeroBytes: 0 });
const other = steps();
const nothing = await other.wipeMemory.quiesce(stepContext());
const held = openSync(join(directory, "token"), "r");
const wiped = await other.wipe.quiesce(stepContext());
const into = new Uint8Array(16);
const left = readSync(held, into, 0, into.length, 0);
const memory = await other.wipeMemory.quiesce(stepContext());
const again = await other.wipe.quiesce(stepContext());
console.log(JSON.stringify({
  ...{ replaced, nothing, wiped, memory, again },
  zeros: into.subarray(0, left).every((byte) => byte === 0) ? left : -1,
  mounts: own(),
  names: existsSync(directory) ? readdirSync(directory) : [],
  outside: readFileSync(outside, "utf8"),
}));
closeSync(held);
rmSync(base, { recursive: true });
