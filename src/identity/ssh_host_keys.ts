/**
 * The item ssh-host-keys: the keys by which clients know this machine, sshd(8).
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { hasCode } from "../util/errors.ts";
import { nodeCrypto, nodeFsPromises } from "../util/lazy_builtins.ts";
import type { Guest } from "./guest.ts";
import { type ItemEffect, newUuid } from "./item.ts";
import { unlessMissing } from "./replace_file.ts";

const DIRECTORY = "/etc/ssh";
const TYPES = ["ed25519", "ecdsa", "rsa"];
/** The names of the directories in memory where keys are made. */
export const SCRATCH = "ssh-";
const PID_FILE = "/run/sshd.pid";

/**
 * Makes a key of each type that the guest has, all at once, and tells sshd. Effect: `keys`, the
 * fingerprint of each type as `ssh-keygen -l` prints it, and `reloaded`, whether an sshd was told.
 */
export async function renewSshHostKeys(
  guest: Guest,
  scratch: string,
): Promise<ItemEffect> {
  const names = await guest.list(DIRECTORY);
  const types = TYPES.filter((type) => names.includes(nameOf(type)));
  if (types.length === 0) return { absent: `${DIRECTORY} has no host key` };
  const { mkdir, readdir, rm } = nodeFsPromises();
  // Each renewal has a directory of its own: a program that a killed agent has left may still write
  // into the former one.
  for (const name of await unlessMissing(readdir(scratch)) ?? []) {
    if (!name.startsWith(SCRATCH)) continue;
    await rm(join(scratch, name), { recursive: true, force: true });
  }
  const directory = join(scratch, `${SCRATCH}${newUuid()}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    const made = await Promise.all(
      types.map((type) => makeKey(guest, directory, type)),
    );
    // No key is replaced before all are made: sshd would have keys of two machines.
    for (const { type, privateKey, publicKey } of made) {
      const file = `${DIRECTORY}/${nameOf(type)}`;
      await guest.replace(file, privateKey);
      privateKey.fill(0);
      if (names.includes(`${nameOf(type)}.pub`)) {
        await guest.replace(`${file}.pub`, publicKey);
      }
    }
    return {
      keys: Object.fromEntries(
        made.map(({ type, publicKey }) => [type, fingerprintOf(publicKey)]),
      ),
      reloaded: await reload(guest),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function nameOf(type: string): string {
  return `ssh_host_${type}_key`;
}

async function makeKey(guest: Guest, directory: string, type: string) {
  const path = join(directory, nameOf(type));
  const { readFile } = nodeFsPromises();
  // Without a passphrase. The comment is given, because the default one has the former host name.
  await guest.run("ssh-keygen", [
    ...["-q", "-t", type, "-N", "", "-C", "root", "-f", path],
  ]);
  return {
    type,
    privateKey: await readFile(path),
    publicKey: await readFile(`${path}.pub`, "utf8"),
  };
}

function fingerprintOf(publicKey: string): string {
  const [, blob] = publicKey.split(" ");
  const hash = nodeCrypto().createHash("sha256");
  const digest = hash.update(Uint8Array.fromBase64(blob)).digest("base64");
  return `SHA256:${digest.replace(/=+$/, "")}`;
}

/** Sends SIGHUP to sshd, which then reads its keys again; sessions go on. False if none runs. */
async function reload(guest: Guest): Promise<boolean> {
  const pid = Number(await guest.read(PID_FILE));
  if (!Number.isInteger(pid) || pid <= 1) return false;
  const name = await guest.read(`/proc/${pid}/comm`);
  if (name?.trim() !== "sshd") return false;
  try {
    process.kill(pid, "SIGHUP");
    return true;
  } catch (error) {
    if (hasCode(error, "ESRCH")) return false;
    throw error;
  }
}
