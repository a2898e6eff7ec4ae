import assert from "node:assert/strict";
import * as nodes from "node:fs";
import { test } from "node:test";
import { both, type Fs, notDeno, outcome, TEXT } from "./parity.ts";

/** What Lull reads of the stats. */
function shown(stats: nodes.Stats | undefined) {
  if (stats === undefined) return undefined;
  const { mode, size, uid, gid, nlink } = stats;
  const types = [
    stats.isFile(),
    stats.isDirectory(),
    stats.isSymbolicLink(),
    stats.isSocket(),
    stats.isFIFO(),
    stats.isCharacterDevice(),
    stats.isBlockDevice(),
  ];
  return { mode, size, uid, gid, nlink, types };
}

const isDirectory = (path: string) => typeOf(path) === "isDirectory";
const isLink = (path: string) => typeOf(path) === "isSymbolicLink";

function typeOf(path: string): string | undefined {
  try {
    const stats = nodes.lstatSync(path);
    return (["isDirectory", "isSymbolicLink"] as const)
      .find((type) => stats[type]());
  } catch {
    return undefined;
  }
}

const NAMES = [
  ...["file", "bytes", "mark", "link", "dangling", "loop", "empty", "full"],
  ...["full/file", "missing", "missing/file", "file/below", "x".repeat(300)],
];

/** Calls that take one path. */
const CALLS: Record<string, (fs: Fs, path: string) => unknown> = {
  "readFileSync utf8": (fs, path) => fs.readFileSync(path, "utf8"),
  "readFileSync latin1": (fs, path) => fs.readFileSync(path, "latin1"),
  "readFileSync": (fs, path) => fs.readFileSync(path),
  "writeFileSync": (fs, path) => fs.writeFileSync(path, TEXT),
  "writeFileSync bytes": (fs, path) =>
    fs.writeFileSync(path, new Uint8Array([1, 2])),
  "writeFileSync wx": (fs, path) =>
    fs.writeFileSync(path, TEXT, { mode: 0o600, flag: "wx" }),
  "writeFileSync r+": (fs, path) => fs.writeFileSync(path, "1", { flag: "r+" }),
  "readdirSync": (fs, path) => fs.readdirSync(path).sort(),
  "readdirSync entries": (fs, path) =>
    fs.readdirSync(path, { withFileTypes: true })
      .map((entry) => `${entry.name} ${entry.isDirectory()}`).sort(),
  "mkdirSync": (fs, path) => void fs.mkdirSync(path, { mode: 0o750 }),
  "mkdirSync recursive": (fs, path) =>
    void fs.mkdirSync(`${path}/a/b`, { recursive: true, mode: 0o700 }),
  "mkdirSync again": (fs, path) => void fs.mkdirSync(path, { recursive: true }),
  // Deno's own node:fs removes an empty directory as a file.
  "rmSync force": (fs, path) =>
    isDirectory(path) ? undefined : fs.rmSync(path, { force: true }),
  "rmSync all": (fs, path) => fs.rmSync(path, { recursive: true, force: true }),
  "unlinkSync": (fs, path) =>
    isDirectory(path) ? undefined : fs.unlinkSync(path),
  "renameSync": (fs, path) => fs.renameSync(path, `${path}.new`),
  "readlinkSync": (fs, path) => fs.readlinkSync(path),
  "realpathSync": (fs, path) => fs.realpathSync(path),
  "chmodSync": (fs, path) => fs.chmodSync(path, 0o600),
  // Deno's own node:fs does not follow links here.
  "accessSync": (fs, path) =>
    isLink(path) ? undefined : fs.accessSync(path, nodes.constants.W_OK),
  "accessSync X_OK": (fs, path) =>
    isLink(path) ? undefined : fs.accessSync(path, nodes.constants.X_OK),
  "existsSync": (fs, path) => fs.existsSync(path),
  "statSync": (fs, path) => shown(fs.statSync(path)),
  "statSync, missing": (fs, path) =>
    path.endsWith("file/below")
      ? undefined // ENOTDIR differs between versions
      : shown(fs.statSync(path, { throwIfNoEntry: false })),
  "statfsSync": (fs, path) => fs.statfsSync(path).type,
  "lstatSync": (fs, path) => shown(fs.lstatSync(path)),
  "openSync": (fs, path) => fs.closeSync(fs.openSync(path, "r")),
  "openSync r+": (fs, path) => fs.closeSync(fs.openSync(path, "r+")),
  "openSync w": (fs, path) => fs.closeSync(fs.openSync(path, "w", 0o644)),
  "openSync flags": (fs, path) => {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    fs.closeSync(fs.openSync(path, flags, 0o600));
  },
  "openSync O_NOFOLLOW": (fs, path) =>
    fs.closeSync(fs.openSync(path, fs.constants.O_NOFOLLOW)),
  "openSync O_DIRECTORY": (fs, path) =>
    fs.closeSync(fs.openSync(path, fs.constants.O_DIRECTORY)),
};

test("calls with a path are those of node:fs", { skip: notDeno }, async () => {
  for (const [name, call] of Object.entries(CALLS)) {
    for (const file of NAMES) {
      await both(`${name} ${file}`, (fs, at) => call(fs, at(file)));
    }
  }
});

test("files of the kernel are read and written as by node:fs", {
  skip: notDeno,
}, async () => {
  const own = await import("../../../../src/runtime/deno/node/fs.ts");
  for (
    const path of [
      ...["/proc/filesystems", "/proc/version", "/proc/1/exe", "/proc/self"],
      ...["/proc/sys/kernel/hostname", "/sys/kernel", "/dev/null", "/nowhere"],
      "/proc/self/ns/net",
    ]
  ) {
    for (
      const name of [
        ...["readFileSync latin1", "readlinkSync", "statSync", "statfsSync"],
      ]
    ) {
      const results = [nodes, own as unknown as Fs].map((fs) =>
        outcome(() => CALLS[name](fs, path))
      );
      assert.deepEqual(results[1], results[0], `${name} ${path}`);
    }
  }
  const stats = own.statSync("/dev/null") as nodes.Stats;
  const { ino, dev, mtimeMs } = nodes.statSync("/dev/null");
  // Deno's own node:fs drops the fraction, and rounds ctimeMs to seconds.
  assert.deepEqual(
    [stats.ino, stats.dev, Math.floor(stats.mtimeMs)],
    [ino, dev, Math.floor(mtimeMs)],
  );
  assert.ok(Math.abs(stats.ctimeMs - Date.now()) < 1000 * 86400 * 365 * 20);
});

test("an error names its code, the call and the file", {
  skip: notDeno,
}, async () => {
  const own = await import("../../../../src/runtime/deno/node/fs.ts");
  const message = (call: string) => ({
    message: `ENOENT: no such file or directory, ${call} '/nowhere/a'`,
  });
  assert.throws(() => own.openSync("/nowhere/a"), message("open"));
  assert.throws(() => own.readFileSync("/nowhere/a"), message("open"));
  assert.throws(() => own.statSync("/nowhere/a"), message("stat"));
  assert.throws(() => own.mkdirSync("/nowhere/a"), message("mkdir"));
  assert.throws(() => own.renameSync("/nowhere/a", "/b"), {
    message: "ENOENT: no such file or directory, rename '/nowhere/a' -> '/b'",
  });
});
