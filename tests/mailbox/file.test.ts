import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileSource } from "../../src/mailbox/file.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { type Debt, owe } from "../support/cleanup.ts";
import { realLibc } from "../support/libc.ts";

/** More than a page, so that a reader that stops after one page is noticed. */
const LONG = `{"x":"${"y".repeat(9000)}"}`;
const MAX = 65_536;
const text = (bytes: Uint8Array) =>
  new TextDecoder().decode(bytes).replace(/\0+$/, "");

describe("a mailbox that is a file", () => {
  let libc: Libc;
  let directory = "";
  before(async () => {
    libc = await realLibc();
    directory = mkdtempSync(join(tmpdir(), "lull-mailbox-"));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  test("is read anew each time, and up to its end", async () => {
    const path = join(directory, "file");
    const source = fileSource(libc, path);
    for (const content of ["", "{}", LONG, '{"a":1}\0\0\0']) {
      writeFileSync(path, content);
      assert.equal(
        text(await source.read(MAX)),
        content.replace(/\0+$/, ""),
      );
    }
  });

  test("is read up to the limit and one byte more", async () => {
    const path = join(directory, "long");
    writeFileSync(path, "z".repeat(20_000));
    for (const most of [10, 4095, 4096, 8191]) {
      const bytes = await fileSource(libc, path).read(most);
      assert.equal(text(bytes), "z".repeat(most + 1));
    }
  });

  test("may be on a filesystem without direct reads", async () => {
    const sysfs = "/sys/kernel/mm/transparent_hugepage/enabled";
    const proc = "/proc/sys/kernel/osrelease";
    for (const path of [sysfs, proc]) {
      const source = fileSource(libc, path);
      const wanted = readFileSync(path, "utf8");
      assert.equal(text(await source.read(MAX)), wanted);
    }
  });

  test("that is missing, a directory or a FIFO is an error or empty, and no wait", async () => {
    await assert.rejects(fileSource(libc, join(directory, "no")).read(MAX), {
      code: "ENOENT",
    });
    await assert.rejects(fileSource(libc, directory).read(MAX), {
      code: "EISDIR",
    });
    const fifo = join(directory, "fifo");
    spawnSync("mkfifo", [fifo]);
    const read = fileSource(libc, fifo).read(MAX);
    const bytes = await read.catch(() => new Uint8Array());
    assert.equal(bytes.length, 0);
  });
});

/** A loop device over a file that the test changes behind the back of the device's page cache. */
class Loop {
  readonly file: string;
  readonly device: string;
  readonly #debt: Debt;

  constructor(directory: string) {
    this.file = join(directory, "disk");
    writeFileSync(this.file, new Uint8Array(1 << 20));
    const { stdout, stderr, status } = spawnSync(
      "losetup",
      ["--find", "--show", this.file],
      { encoding: "utf8" },
    );
    if (status !== 0) throw new Error(stderr);
    this.device = stdout.trim();
    this.#debt = owe(`losetup --detach ${this.device}\n`);
  }

  /** Writes to the file, as a host does: the guest's cache of the device does not change. */
  put(content: string): void {
    const fd = openSync(this.file, "r+");
    writeSync(fd, new TextEncoder().encode(`${content}\0`), 0, undefined, 0);
    closeSync(fd);
  }

  /** What a usual read finds, which fills the cache. */
  cached(): string {
    const fd = openSync(this.device, constants.O_RDONLY);
    const bytes = new Uint8Array(64);
    readSync(fd, bytes, 0, bytes.length, 0);
    closeSync(fd);
    return new TextDecoder().decode(bytes).split("\0")[0];
  }

  detach(): void {
    this.#debt.settle();
  }
}

function loopProblem(): string | false {
  const directory = mkdtempSync(join(tmpdir(), "lull-loop-"));
  try {
    new Loop(directory).detach();
    return false;
  } catch (error) {
    return `this process may make no loop device: ${error}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe("a mailbox that is a block device", { skip: loopProblem() }, () => {
  let libc: Libc;
  let directory = "";
  let loop: Loop;
  before(async () => {
    libc = await realLibc();
    directory = mkdtempSync(join(tmpdir(), "lull-mailbox-"));
    loop = new Loop(directory);
  });
  after(() => {
    loop?.detach();
    rmSync(directory, { recursive: true, force: true });
  });

  test("is read past the page cache", async () => {
    const source = fileSource(libc, loop.device);
    loop.put('{"fork":0}');
    // Another program keeps the device open, so that its cache lasts.
    const held = openSync(loop.device, "r");
    try {
      assert.equal(loop.cached(), '{"fork":0}');
      for (const fork of [1, 2, 3]) {
        loop.put(`{"fork":${fork}}`);
        const bytes = await source.read(MAX);
        assert.equal(bytes.length, MAX + 1);
        assert.equal(text(bytes).split("\0")[0], `{"fork":${fork}}`);
        // A usual read still has what was there before.
        assert.equal(loop.cached(), '{"fork":0}');
      }
    } finally {
      closeSync(held);
    }
  });

  test("may be on a filesystem that caches, whose pages are dropped", async () => {
    const tmpfs = "/dev/shm";
    assert.equal(statfsSync(tmpfs).type, 0x01021994, "TMPFS_MAGIC");
    const path = join(tmpfs, `lull-mailbox-${loop.device.split("/").at(-1)}`);
    writeFileSync(path, LONG);
    try {
      assert.equal(text(await fileSource(libc, path).read(MAX)), LONG);
    } finally {
      rmSync(path);
    }
  });
});
