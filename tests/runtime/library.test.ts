import assert from "node:assert/strict";
import { constants } from "node:os";
import process from "node:process";
import { before, describe, it } from "node:test";
import { runtimeName } from "../../src/runtime/name.ts";
import { makeLibrary } from "../../src/runtime/library.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { ForeignLibrary, Runtime } from "../../src/runtime/types.ts";

/** What the worker of the stubs posts. */
type Posted = { readonly freed: boolean; readonly pid: unknown };

const NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

describe("a foreign library", () => {
  let runtime: Runtime;
  let libc: ForeignLibrary;
  before(async () => {
    runtime = await loadRuntime();
    libc = NAMES.map((name) => runtime.openLibrary(name))
      .find((library) => library !== undefined)!;
  });

  it("is undefined where there is none of that name", () => {
    assert.equal(runtime.openLibrary("libnone-of-that-name.so.1"), undefined);
  });

  it("lacks a symbol without losing the others", () => {
    const signature = { args: [], result: "i32" } as const;
    assert.equal(libc.symbol("no_such_function", signature), undefined);
    assert.equal(libc.symbol("getpid", signature)?.(), process.pid);
  });

  it("passes buffers both ways, as bytes and as null", () => {
    const text = new Uint8Array(4096);
    const getcwd = libc.symbol("getcwd", {
      args: ["buffer", "usize"],
      result: "pointer",
    });
    assert.notEqual(getcwd?.(text, 4096n), 0n);
    const path = text.subarray(0, text.indexOf(0));
    assert.equal(new TextDecoder().decode(path), process.cwd());
    const time = libc.symbol("time", { args: ["buffer"], result: "usize" });
    const seconds = Number(time?.(null));
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 5, `${seconds}`);
  });

  it("gives and takes pointers as 64-bit numbers, null as 0", () => {
    const dlsym = libc.symbol("dlsym", {
      args: ["pointer", "buffer"],
      result: "pointer",
    });
    const address = dlsym?.(null, new TextEncoder().encode("getpid\0"));
    assert.equal(typeof address, "bigint");
    assert.notEqual(address, 0n);
    const none = dlsym?.(null, new TextEncoder().encode("no_such_thing\0"));
    assert.equal(none, 0n);
  });

  it("calls functions without a result", () => {
    const srand = libc.symbol("srand", { args: ["u32"], result: "void" });
    assert.notEqual(srand, undefined);
    assert.equal(srand?.(1), undefined);
  });

  it("knows the errno of the last call", () => {
    const close = libc.symbol("close", { args: ["i32"], result: "i32" });
    assert.equal(close?.(-1), -1);
    assert.equal(libc.errno(), constants.errno.EBADF);
  });

  it("knows the processor", () => {
    assert.equal(libc.arch, process.arch);
  });

  it("is undefined where FFI binds nothing at all", () => {
    const loader = {
      arch: "x64" as const,
      load(): never {
        throw new Error("no such library");
      },
      readInt32: () => 0,
    };
    assert.equal(makeLibrary(loader), undefined);
  });
});

const isBun = runtimeName() === "bun";
describe("the functions of a worker", {
  skip: isBun ? false : "Bun alone has stubs",
}, () => {
  it("leave nothing behind, and can be called again", async () => {
    const url = new URL("../support/stub_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    try {
      const posted = await new Promise<Posted>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage("begin");
      });
      assert.deepEqual(posted, { freed: true, pid: process.pid });
    } finally {
      worker.terminate();
    }
  });
});
