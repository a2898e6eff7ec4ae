import assert from "node:assert/strict";
import * as nodes from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporary } from "../../../support/hooks.ts";
import { both, type Fs, notDeno, TEXT } from "./parity.ts";

test("descriptors are read and written as by node:fs", {
  skip: notDeno,
}, async () => {
  await both("round", (fs, at) => {
    const file = fs.openSync(at("new"), "w+", 0o640);
    const bytes = new TextEncoder().encode("0123456789");
    const into = new Uint8Array(6);
    const seen = [
      fs.writeSync(file, bytes),
      fs.writeSync(file, bytes, 2, 3, 20),
      fs.writeSync(file, bytes, 8),
      fs.writeSync(file, "ab"),
      fs.readSync(file, into, 1, 4, 2),
      fs.readSync(file, into, 0, 2, 100),
      fs.readSync(file, into, 0, 1, null),
      fs.fstatSync(file).size,
      typeof fs.fstatSync(file, { bigint: true }).ino,
      [...into],
    ];
    fs.ftruncateSync(file, 18);
    fs.fchmodSync(file, 0o604);
    fs.fsyncSync(file);
    fs.closeSync(file);
    return seen;
  });
  const wrong: Record<
    string,
    (fs: Fs, at: (name: string) => string) => unknown
  > = {
    "a write to a file for reading": (fs, at) => {
      const file = fs.openSync(at("file"), "r");
      try {
        fs.writeSync(file, new Uint8Array(1));
      } finally {
        fs.closeSync(file);
      }
    },
    "a read of a directory": (fs, at) => {
      const file = fs.openSync(at("full"), "r");
      try {
        fs.readSync(file, new Uint8Array(1), 0, 1, null);
      } finally {
        fs.closeSync(file);
      }
    },
    "a full device": (fs) => {
      const file = fs.openSync("/dev/full", "r+");
      try {
        fs.writeSync(file, new Uint8Array(1));
      } finally {
        fs.closeSync(file);
      }
    },
    "a write of a whole file to a full device": (fs) =>
      fs.writeFileSync("/dev/full", TEXT),
    "a read without data": (fs) => {
      const { O_RDONLY, O_NONBLOCK } = fs.constants;
      const file = fs.openSync("/dev/ptmx", O_RDONLY | O_NONBLOCK);
      try {
        fs.readSync(file, new Uint8Array(1), 0, 1, null);
      } finally {
        fs.closeSync(file);
      }
    },
    "a file that the kernel keeps": (fs) =>
      fs.writeFileSync("/proc/version", TEXT),
    "a directory in /proc": (fs) => fs.mkdirSync("/proc/new"),
    "a rename over a directory": (fs, at) =>
      fs.renameSync(at("file"), at("full")),
    "a rename of a full directory": (fs, at) =>
      fs.renameSync(at("empty"), at("full")),
    "a rename into /proc": (fs, at) => fs.renameSync(at("file"), "/proc/x"),
  };
  for (const [name, action] of Object.entries(wrong)) await both(name, action);
});

test("text is written at a position, and a mode is for new files", {
  skip: notDeno,
}, async () => {
  const own = await import("../../../../src/runtime/deno/node/fs.ts");
  const directory = temporary();
  try {
    const path = join(directory.path, "file");
    const file = own.openSync(path, "w");
    assert.equal(own.writeSync(file, "0123"), 4);
    // Deno's own node:fs ignores the position of a text.
    assert.equal(own.writeSync(file, "ab", 1), 2);
    own.closeSync(file);
    assert.equal(own.readFileSync(path, "utf8"), "0ab3");
    own.chmodSync(path, 0o640);
    // Deno's own node:fs changes the mode.
    own.writeFileSync(path, "", { mode: 0o600 });
    assert.equal(nodes.statSync(path).mode & 0o777, 0o640);
  } finally {
    directory.remove();
  }
});

test(
  "a descriptor that was closed, and a directory that is removed as a file, are refused",
  {
    skip: notDeno,
  },
  async () => {
    const own = await import("../../../../src/runtime/deno/node/fs.ts");
    const directory = temporary();
    try {
      assert.throws(() => own.closeSync(-1), { code: "EBADF" });
      assert.throws(() => own.readSync(-1, new Uint8Array(1)), {
        code: "EBADF",
      });
      // Node's code is ERR_FS_EISDIR, which nothing in Lull asks for.
      assert.throws(() => own.rmSync(directory.path), { code: "EISDIR" });
      assert.ok(nodes.existsSync(directory.path));
    } finally {
      directory.remove();
    }
  },
);

test(
  "a read on the pool gives bytes, or EAGAIN",
  { skip: notDeno },
  async () => {
    const own = await import("../../../../src/runtime/deno/node/fs.ts");
    const zeros = own.openSync("/dev/zero");
    const bytes = new Uint8Array(4).fill(1);
    const count = await new Promise((resolve) =>
      own.read(zeros, bytes, 1, 2, null, (_, count) => resolve(count))
    );
    own.closeSync(zeros);
    assert.equal(count, 2);
    assert.deepEqual([...bytes], [1, 0, 0, 1]);
    const error = await new Promise((resolve) =>
      own.read(-1, bytes, 0, 1, null, (error) => resolve(error))
    );
    assert.match(String(error), /EAGAIN|ENODEV/);
  },
);
