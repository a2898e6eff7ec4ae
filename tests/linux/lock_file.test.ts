import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { lockFile } from "../../src/linux/lock_file.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";

describe("a lock file", () => {
  const directory = temporary();
  after(directory.remove);
  let made = 0;
  const fresh = () => join(directory.path, `lock-${made++}`);

  test("is locked once, and says by whom", async () => {
    const libc = await realLibc();
    const path = fresh();
    writeFileSync(path, "4711999\n"); // the id of a killed agent, which is longer
    assert.deepEqual(lockFile(libc, path), { kind: "locked" });
    assert.equal(readFileSync(path, "latin1"), `${process.pid}\n`);
    // A lock belongs to the open file: the second try of this process is another's.
    assert.deepEqual(lockFile(libc, path), { kind: "held", pid: process.pid });
  });

  test("is locked for other processes, and not inherited", async () => {
    const path = fresh();
    lockFile(await realLibc(), path);
    const { stdout } = spawnSync("ls", ["-l", "/proc/self/fd"]);
    assert.ok(!String(stdout).includes(path));
    const other = spawnSync("flock", ["-n", path, "true"]);
    if (other.error === undefined) assert.equal(other.status, 1);
  });

  test("without an id in it, the other process has no name", async () => {
    const libc = await realLibc();
    const path = fresh();
    lockFile(libc, path);
    for (const text of ["", "x\n", "-1\n", "0\n"]) {
      writeFileSync(path, text);
      const held = lockFile(libc, path);
      assert.deepEqual(held, { kind: "held", pid: undefined });
    }
  });

  test("that cannot be opened is an error with its code", async () => {
    const libc = await realLibc();
    const [link, victim] = [fresh(), fresh()];
    symlinkSync(victim, link);
    for (
      const [path, code] of [
        [`${fresh()}/lock`, "ENOENT"],
        [link, "ELOOP"],
        [directory.path, "EISDIR"],
      ]
    ) {
      assert.throws(() => lockFile(libc, path), {
        message: `Cannot lock ${path}: ${code}`,
      });
    }
  });

  test("a lost errno is asked for again, another one is told", async () => {
    const libc = await realLibc();
    const path = fresh();
    lockFile(libc, path);
    const errnos = [0, 0, 11];
    const forgetful = { flock: () => -1, errno: () => errnos.shift() ?? 0 };
    assert.equal(lockFile(forgetful, path).kind, "held");
    assert.throws(() => lockFile({ flock: () => -1, errno: () => 37 }, path), {
      message: `Cannot lock ${path}: ENOLCK`,
    });
  });

  test("that was replaced before it was locked is opened again", async () => {
    const libc = await realLibc();
    const path = fresh();
    let locks = 0;
    const result = lockFile({
      ...libc,
      flock(fd, operation) {
        // The other agent removes it, and makes another one.
        if (locks++ === 0) spawnSync("sh", ["-c", `rm ${path}; : > ${path}`]);
        return libc.flock!(fd, operation);
      },
    }, path);
    assert.deepEqual([result.kind, locks], ["locked", 2]);
    assert.equal(lockFile(libc, path).kind, "held");
  });

  test("without a C library it is locked by a program, or it is told", () => {
    const path = fresh();
    const before = process.env.PATH;
    let result: string;
    try {
      result = lockFile({}, path).kind;
      assert.equal(lockFile({}, path).kind, "held");
    } catch (error) {
      result = (error as Error).message;
    }
    // Deno hands over another file than this one; then the lock is none.
    assert.match(
      result,
      /^locked$|^Cannot lock \S+: neither the C library nor/,
    );
    try {
      process.env.PATH = directory.path;
      assert.throws(
        () => lockFile({}, fresh()),
        /neither the C library nor the program flock could be used \(ENOENT\)$/,
      );
    } finally {
      process.env.PATH = before;
    }
  });
});
