/*
 * Reseeds the random numbers of a program of Node, Bun or Deno in a fork of its machine.
 *
 * `lull install --preload=node,bun,deno` installs this file. Node gets it by
 * NODE_OPTIONS=--require=FILE, Bun by BUN_OPTIONS=--preload=FILE, and Deno by the flag
 * --preload=FILE of its command line.
 *
 * - Math.random looks whether the generation changed. From the first change on, it draws
 *   from a generator of this file, which gets a new seed of the kernel at each change.
 * - The functions of crypto (randomUUID, getRandomValues, randomBytes, randomFill,
 *   randomInt) take every byte from the kernel. They keep nothing that a fork could copy.
 *
 * Not reached: TLS and keys, which native code makes; the contexts of node:vm; in Deno,
 * workers and the named imports of node:crypto.
 */
"use strict";
(() => {
  const MARK = Symbol.for("lull.random");
  if (globalThis[MARK]) return; // NODE_OPTIONS and the command line may both name this file
  const isDeno = typeof Deno !== "undefined";
  const isBun = typeof Bun !== "undefined";

  /** The file that the agent replaces in every recovery, before the workload is thawed. */
  const PATH = variable("LULL_GENERATION_FILE") || "/run/lull/generation";
  const KERNEL = "/dev/urandom";
  /**
   * A look is valid for so many milliseconds. Freeze, snapshot and thaw of a workload take
   * longer: a program that was frozen in between looks again.
   */
  const VALID_MS = 0.1;
  /** Bytes of the kernel that are read in one call. */
  const CHUNK_BYTES = 1 << 20;

  if (!mayRead(PATH) || !mayRead(KERNEL)) return;
  const fs = require("node:fs");
  const { Buffer } = require("node:buffer");
  const now = performance.now.bind(performance);
  const kernel = fs.openSync(KERNEL, "r");

  /** Whether Deno lets this program read the file; other runtimes have no such limit. */
  function mayRead(path) {
    return !isDeno || granted({ name: "read", path });
  }

  function granted(permission) {
    return Deno.permissions.querySync(permission).state === "granted";
  }

  function variable(name) {
    if (isDeno && !granted({ name: "env", variable: name })) return undefined;
    return process.env[name];
  }

  /** Fills an ArrayBuffer view with random bytes of the kernel, and returns it. */
  function fill(view, start = 0, length = view.byteLength - start) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + start, length);
    for (let at = 0; at < length;) {
      const rest = Math.min(length - at, CHUNK_BYTES);
      at += fs.readSync(kernel, bytes, at, rest, null);
    }
    return view;
  }

  // Math.random

  const status = { changes: 0 };
  let seen = sign();
  let lookedAt = now();
  let draw = Math.random;

  function sign() {
    try {
      return fs.statSync(PATH, { throwIfNoEntry: false });
    } catch {
      return undefined;
    }
  }

  function look(time) {
    const found = sign();
    lookedAt = time;
    if (found === undefined) return;
    const isSame = seen !== undefined && found.ino === seen.ino &&
      found.mtimeMs === seen.mtimeMs && found.ctimeMs === seen.ctimeMs &&
      found.size === seen.size;
    if (isSame) return;
    seen = found;
    status.changes++;
    draw = generator(fill(new Uint32Array(4)));
  }

  /** xoshiro128** (Blackman, Vigna), in numbers of 53 bits. */
  function generator([a, b, c, d]) {
    function next() {
      const times5 = Math.imul(b, 5);
      const result = Math.imul((times5 << 7) | (times5 >>> 25), 9);
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = (d << 11) | (d >>> 21);
      return result;
    }
    return () => {
      const high = next() >>> 5;
      return (high * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
    };
  }

  replace(Math, "random", () =>
    function random() {
      const time = now();
      if (!(time >= lookedAt && time - lookedAt < VALID_MS)) look(time);
      return draw();
    });

  // crypto. The original function runs first: it checks the arguments and makes the
  // result, whose bytes are then replaced.

  const crypto = require("node:crypto");
  const web = globalThis.crypto
    ? [Object.getPrototypeOf(globalThis.crypto)]
    : [];

  for (const owner of [crypto, ...web]) {
    replace(owner, "randomUUID", (original) =>
      function randomUUID(...args) {
        Reflect.apply(original, this, args);
        return uuid();
      });
    replace(
      owner,
      "getRandomValues",
      (original) =>
        function getRandomValues(array) {
          return fill(Reflect.apply(original, this, [array]));
        },
    );
  }
  for (const name of ["randomBytes", "pseudoRandomBytes", "prng", "rng"]) {
    replace(crypto, name, (original) =>
      function randomBytes(size, callback) {
        if (callback === undefined) return fill(original(size));
        return original(size, (error, bytes) =>
          callback(error, bytes && fill(bytes)));
      });
  }
  replace(
    crypto,
    "randomFillSync",
    (original) =>
      function randomFillSync(buffer, ...args) {
        return fillPart(original(buffer, ...args), ...args);
      },
  );
  replace(
    crypto,
    "randomFill",
    (original) =>
      function randomFill(buffer, ...args) {
        const callback = args.pop();
        if (typeof callback !== "function") {
          return original(buffer, ...args, callback);
        }
        return original(buffer, ...args, (error, filled) => {
          callback(error, error ? filled : fillPart(filled, ...args));
        });
      },
  );
  replace(crypto, "randomInt", (original) =>
    function randomInt(...args) {
      const callback = typeof args.at(-1) === "function"
        ? args.pop()
        : undefined;
      const [min, max] = args.length < 2 || args[1] === undefined
        ? [0, args[0]]
        : args;
      if (callback === undefined) {
        original(...args);
        return integer(min, max);
      }
      return original(...args, (error, value) => {
        callback(error, error ? value : integer(min, max));
      });
    });

  /** The arguments of randomFill count elements, not bytes. */
  function fillPart(buffer, offset = 0, size) {
    if (!ArrayBuffer.isView(buffer)) {
      fill(new Uint8Array(buffer), offset, size);
      return buffer;
    }
    const bytes = buffer.BYTES_PER_ELEMENT ?? 1;
    return fill(
      buffer,
      offset * bytes,
      size === undefined ? undefined : size * bytes,
    );
  }

  /** An integer of min to max - 1; the range has 48 bits at most. */
  function integer(min, max) {
    const range = max - min;
    const limit = 0x1000000000000 - 0x1000000000000 % range;
    const part = new DataView(new ArrayBuffer(6));
    for (;;) {
      fill(part);
      const value = part.getUint16(0) * 0x100000000 + part.getUint32(2);
      if (value < limit) return min + value % range;
    }
  }

  /** A version 4 UUID (RFC 9562). */
  function uuid() {
    const bytes = fill(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return dashed(bytes);
  }

  function dashed(bytes) {
    const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString("hex");
    return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]]
      .map(([from, to]) => hex.slice(from, to)).join("-");
  }

  /** Puts a function of this file into the place of one that exists. */
  function replace(owner, name, make) {
    const found = Object.getOwnPropertyDescriptor(owner, name);
    if (typeof found?.value !== "function") return;
    if (!found.configurable && !found.writable) return;
    const value = make(found.value);
    Object.defineProperties(value, {
      name: { value: name, configurable: true },
      length: { value: found.value.length, configurable: true },
    });
    Object.defineProperty(owner, name, { ...found, value });
  }

  if (isBun) {
    replace(
      Bun,
      "randomUUIDv7",
      (original) =>
        function randomUUIDv7(encoding = "hex", ...args) {
          original(encoding, ...args); // checks the arguments
          const bytes = fill(original("buffer", ...args), 8);
          bytes[8] = (bytes[8] & 0x3f) | 0x80;
          return encoding === "buffer"
            ? bytes
            : encoding === "hex"
            ? dashed(bytes)
            : bytes.toString(encoding);
        },
    );
  }

  // A worker of Bun loads this file only if its options name the file.
  if (isBun) {
    const threads = require("node:worker_threads");
    const inWorkers = (original) =>
      new Proxy(original, {
        construct(target, [url, options], newTarget) {
          const preload = [__filename, ...[options?.preload ?? []].flat()];
          return Reflect.construct(
            target,
            [url, { ...options, preload }],
            newTarget,
          );
        },
      });
    globalThis.Worker = inWorkers(globalThis.Worker);
    threads.Worker = inWorkers(threads.Worker);
  }

  // Named imports of built-in modules see the new functions, too.
  require("node:module").syncBuiltinESMExports?.();
  Object.defineProperty(globalThis, MARK, { value: status });
})();
