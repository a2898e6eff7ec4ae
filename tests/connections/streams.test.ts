import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndStream } from "../../src/connections/stream_ends.ts";
import { Streams } from "../../src/connections/streams.ts";
import { inodeOf } from "../../src/linux/connection.ts";
import { type Libc, requireSymbol } from "../../src/linux/libc.ts";
import { realLibc } from "../support/libc.ts";
import { serving } from "../support/serving.ts";
import { until } from "../support/until.ts";

/** A server whose replies are streams with one word, and their ends so far. */
async function streaming(libc: Libc) {
  let ends = 0;
  const retries: unknown[] = [];
  const one = await serving(libc, {}, 1000, async (exchange, tracker) => {
    let close: EndStream = () => {};
    const ended = await tracker.beginStream(exchange, (retry) => close(retry));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        close = (retry) => {
          retries.push(retry);
          ended?.();
          ends++;
          controller.close();
        };
        controller.enqueue(new TextEncoder().encode("word"));
      },
      cancel: () => ended?.(),
    });
    return new Response(body);
  });
  return { ...one, retries, ends: () => ends };
}

/** A client that has received the word. */
async function follow({ connect }: Awaited<ReturnType<typeof streaming>>) {
  const [reader] = await connect(1);
  reader.request("GET", "/");
  await until("the word", () => reader.received.includes("word"));
  return reader;
}

const signal = new AbortController().signal;

test("a stream is open and unknown to the runtime until the recovery", async () => {
  const one = await streaming(await realLibc());
  try {
    const reader = await follow(one);
    await one.tracker.quiesce();
    assert.equal(await one.tracker.closeLate(signal), 0);
    assert.deepEqual(one.tracker.list(), []);
    assert.equal(reader.closed, false);
    one.tracker.recover("close");
    await reader.gone();
    assert.ok(reader.received.endsWith("word\r\n0\r\n\r\n"), reader.received);
    // The runtime has dropped it: only the agent had the connection.
    assert.equal(one.ends(), 0);
    assert.deepEqual(one.said, []);
  } finally {
    one.end();
  }
});

test("a recovery before the settle ends a stream as its server would", async () => {
  const one = await streaming(await realLibc());
  try {
    const reader = await follow(one);
    await one.tracker.quiesce();
    one.tracker.recover("close");
    await reader.gone();
    assert.ok(reader.received.endsWith("word\r\n0\r\n\r\n"), reader.received);
    assert.equal(one.ends(), 1);
  } finally {
    one.end();
  }
});

test("a recovery while a stream is being parked ends it once", async () => {
  const libc = await realLibc();
  const SHUT_RD = 0;
  let recover = () => {};
  const watched = Object.create(libc, {
    shutdown: {
      value(fd: number, how: number) {
        const result = requireSymbol(libc, "shutdown")(fd, how);
        // The runtime has not read the end yet.
        if (how === SHUT_RD) queueMicrotask(recover);
        return result;
      },
    },
  });
  const one = await streaming(watched);
  recover = () => void one.tracker.recover("close");
  try {
    const reader = await follow(one);
    await one.tracker.quiesce();
    await one.tracker.closeLate(signal);
    await reader.gone();
    const [, ...ends] = reader.received.split("0\r\n\r\n");
    assert.deepEqual(ends, [""], reader.received);
    assert.deepEqual(one.said, []);
  } finally {
    one.end();
  }
});

test("a stream is closed if no descriptor is free", async () => {
  const libc = await realLibc();
  const full = Object.create(libc, { fcntl: { value: () => -1 } });
  const one = await streaming(full);
  try {
    const reader = await follow(one);
    await one.tracker.quiesce();
    await one.tracker.closeLate(signal);
    await reader.gone();
    assert.equal(one.ends(), 1);
    assert.deepEqual(one.said, []);
  } finally {
    one.end();
  }
});

/** The C library, in which the client has acknowledged everything after so many milliseconds. */
function acknowledging(libc: Libc, afterMs: number): Libc {
  const SIOCOUTQ = 0x5411n;
  const start = performance.now();
  const ioctl: Libc["ioctl"] = (fd, request, bytes) => {
    const done = performance.now() - start >= afterMs;
    if (request !== SIOCOUTQ || done) {
      return requireSymbol(libc, "ioctl")(fd, request, bytes);
    }
    new DataView((bytes as Uint8Array).buffer).setInt32(0, 1, true);
    return 0;
  };
  return Object.create(libc, { ioctl: { value: ioctl } });
}

test("a stream stays if its client's host is busy for a second", async () => {
  const one = await streaming(acknowledging(await realLibc(), 1000));
  try {
    const reader = await follow(one);
    await one.tracker.quiesce();
    await one.tracker.closeLate(signal);
    assert.deepEqual(one.tracker.list(), []);
    assert.equal(reader.closed, false);
    one.tracker.recover("close");
    await reader.gone();
    assert.ok(reader.received.endsWith("word\r\n0\r\n\r\n"), reader.received);
  } finally {
    one.end();
  }
});

test("a stream stays if the machine stands still for longer than the limit", async () => {
  const libc = await realLibc();
  let stands = true;
  const ioctl: Libc["ioctl"] = (...args) => {
    const end = performance.now() + (stands ? 2200 : 0);
    stands = false;
    while (performance.now() < end);
    return requireSymbol(libc, "ioctl")(...args);
  };
  const one = await streaming(Object.create(libc, { ioctl: { value: ioctl } }));
  try {
    const reader = await follow(one);
    stands = false;
    await one.tracker.quiesce();
    stands = true;
    await one.tracker.closeLate(signal);
    assert.equal(stands, false);
    assert.equal(reader.closed, false);
    one.tracker.recover("close");
    await reader.gone();
    assert.deepEqual(one.retries, []);
  } finally {
    one.end();
  }
});

test("a stream ends if its client does not acknowledge it within 2 s", async () => {
  const one = await streaming(acknowledging(await realLibc(), Infinity));
  try {
    const reader = await follow(one);
    await one.tracker.quiesce();
    await one.tracker.closeLate(signal);
    await reader.gone();
    assert.equal(one.ends(), 1);
    assert.deepEqual(one.retries, ["later"]);
  } finally {
    one.end();
  }
});

test("a recovery does not wait for a client that acknowledges nothing", async () => {
  const one = await streaming(acknowledging(await realLibc(), Infinity));
  try {
    const reader = await follow(one);
    await one.tracker.quiesce();
    const settled = one.tracker.closeLate(signal);
    one.tracker.recover("close");
    await settled;
    await reader.gone();
    assert.ok(reader.received.endsWith("word\r\n0\r\n\r\n"), reader.received);
    assert.deepEqual(one.retries, [undefined]);
  } finally {
    one.end();
  }
});

function optionsOf(libc: Libc) {
  return { libc, list: () => [], isUnixBusy: () => false };
}

for (const lets of [true, false]) {
  const what = lets
    ? "is parked if its server lets it go"
    : "ends, and stays open, if its server keeps it";
  test(`a stream on vsock ${what}`, async () => {
    const real = await realLibc();
    // A socket that no event loop knows, in place of a vsock connection.
    const fd = Number(requireSymbol(real, "socket")(1, 1, 0));
    const inode = inodeOf(fd)!;
    const peer = { address: "vsock:2", port: 1, cid: 2 };
    const getpeername: Libc["getpeername"] = (_, address) => {
      (address as Uint8Array).fill(0);
      return 0;
    };
    const libc = Object.create(real, { getpeername: { value: getpeername } });
    const close = requireSymbol(real, "close");
    const streams: Streams = new Streams({
      ...optionsOf(libc),
      list: () => [{ fd, inode, peer }],
      letGo(own) {
        assert.equal(own, fd);
        if (lets) {
          close(fd);
          ended?.();
        }
        return lets;
      },
    });
    const ends: unknown[] = [];
    const ended = streams.begin(peer, (retry) => {
      ends.push(retry);
      ended?.();
    });
    await streams.park(() => false);
    assert.deepEqual(ends, lets ? [] : ["later"]);
    assert.equal(streams.isParked({ fd, inode, peer }), lets);
    assert.equal(inodeOf(fd) === inode, !lets);
    streams.release([], assert.ifError);
    assert.equal(streams.isParked({ fd, inode, peer }), false);
    if (!lets) close(fd);
  });
}

test("a runtime that connections do not wake keeps those of unix and vsock", async () => {
  const streams: Streams = new Streams({
    ...optionsOf(await realLibc()),
    wakesForConnections: false,
    list: (kinds) => {
      assert.deepEqual(kinds, ["ports", "vsock"]);
      return [{ fd: -1, inode: "1", peer: vsock }];
    },
  });
  const vsock = { address: "vsock:2", port: 1, cid: 2 };
  const ends: unknown[] = [];
  for (
    const peer of [vsock, { ...vsock, cid: undefined, unix: true } as const]
  ) {
    assert.ok(streams.begin(peer, (retry) => ends.push(retry)));
  }
  await streams.park(() => false);
  assert.deepEqual(ends, []);
  streams.release([], assert.ifError);
  assert.deepEqual(ends, [undefined, undefined]);
});

test("only so many streams are kept, and none without a C library", async () => {
  const streams = new Streams(optionsOf(await realLibc()));
  const begin = (port: number) =>
    streams.begin({ address: "192.0.2.1", port }, () => {});
  const ended = Array.from({ length: 64 }, (_, i) => begin(i + 1));
  assert.ok(ended.every((one) => one !== undefined));
  assert.equal(begin(65), undefined);
  ended[0]?.();
  assert.notEqual(begin(65), undefined);
  const peer = { address: "unix", port: 0 };
  assert.equal(new Streams(optionsOf({})).begin(peer, () => {}), undefined);
});
