/**
 * A file of /etc on a disk, over which a file is mounted, while the tmpfs of that file is full.
 * Runs in a mount namespace of its own: see mount_namespace.ts.
 */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setEtcFile } from "../../../src/network/etc_file.ts";
import { realLibc } from "../libc.ts";

const { persist = false } = JSON.parse(process.argv[2]);
const libc = await realLibc();
const root = mkdtempSync("/var/tmp/lull-etc-");
try {
  const [etc, memory] = ["etc", "memory"].map((name) => join(root, name));
  for (const directory of [etc, memory]) mkdirSync(directory);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", memory]);
  const path = join(etc, "hosts");
  writeFileSync(path, "template\n");
  const set = (text: string, persist = false) =>
    setEtcFile(path, text, { libc, directory: join(memory, "etc"), persist });
  set("first\n");
  const read = () => readFileSync(path, "utf8");
  const before = read();
  fill(join(memory, "fill"));
  let error = "";
  // An immutable file cannot be replaced, whatever the rights.
  if (persist) mkdirSync(`${path}.lull`);
  try {
    set("a longer text\n".repeat(8192 / 14), persist);
  } catch (thrown) {
    error = String(thrown);
  }
  const failed = read();
  rmSync(join(memory, "fill"));
  rmSync(`${path}.lull`, { recursive: true, force: true });
  const undo = set("second\n", persist);
  const second = read();
  undo();
  console.log(
    JSON.stringify({ before, error, failed, second, undone: read() }),
  );
} finally {
  // The mounts end with the namespace.
  execFileSync("umount", ["--lazy", "--recursive", join(root, "memory")]);
  execFileSync("sh", ["-c", `umount -l ${root}/etc/hosts 2>&1; rm -r ${root}`]);
}

function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, "x".repeat(4096));
  } catch {
    // It is full.
  }
}
