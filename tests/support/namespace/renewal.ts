/**
 * Renews the identity of a tree in two generations, without writing to its disk. Runs in a mount
 * namespace of its own.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Renewer } from "../../../src/identity/renewer.ts";
import { RENEWABLE } from "../../../src/lifecycle/request.ts";
import { readMounts } from "../../../src/linux/mountinfo.ts";
import { fileAt, FILES, makeHostKeys, makeTree } from "../identity_tree.ts";
import { realLibc } from "../libc.ts";

const { memory = true } = JSON.parse(process.argv[2]);
const work = mkdtempSync(join(tmpdir(), "lull-renewal-"));
const [root, directory] = [join(work, "root"), join(work, "memory")];
makeTree(root);
makeHostKeys(root, ["ed25519", "ecdsa"]);
const files = [
  ...Object.keys(FILES),
  ...["ed25519", "ecdsa"].flatMap((type) => {
    const name = `/etc/ssh/ssh_host_${type}_key`;
    return [name, `${name}.pub`];
  }),
];
const own = () =>
  readMounts().map(({ mountPoint }) => mountPoint)
    .filter((path) => path.startsWith(`${root}/`))
    .map((path) => path.slice(root.length)).sort();
const contents = () =>
  Object.fromEntries(files.map((file) => [file, fileAt(root, file)]));
/** The names and times of all files on the disk, below the mounts. */
const disk = () =>
  execFileSync("sh", [
    ...[
      "-c",
      'mkdir -p "$2" && mount --bind "$1" "$2" && cd "$2" &&' +
      ' find . -type f | sort | xargs sha256sum; find . -printf "%p %T@ %C@\\n" | sort;' +
      ' cd / && umount "$2"',
      "sh",
      root,
      `${work}/below`,
    ],
  ], { encoding: "utf8" });

execFileSync("mkdir", [directory]);
if (memory) execFileSync("mount", ["-t", "tmpfs", "tmpfs", directory]);
const renewer = new Renewer({
  ...{ libc: await realLibc(), directory, root, limitMs: 30_000 },
});
const renew = (generation: number, onDisk = false) =>
  renewer.renew({
    ...{ items: RENEWABLE, generation, onDisk },
    signal: new AbortController().signal,
  });
const before = { contents: contents(), disk: disk() };
const first = { items: await renew(1), contents: contents(), mounts: own() };
const second = { items: await renew(2), contents: contents(), mounts: own() };
const after = { disk: disk() };
const third = {
  items: memory ? await renew(3, true) : [],
  contents: contents(),
  mounts: own(),
  machineId: readFileSync(join(root, "etc/machine-id"), "utf8"),
};
console.log(JSON.stringify({ before, first, second, after, third }));
execFileSync("sh", ["-c", `umount ${directory} 2>/dev/null; true`]);
for (const path of own()) execFileSync("umount", [join(root, path)]);
rmSync(work, { recursive: true });
