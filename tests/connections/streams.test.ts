import assert from "node:assert/strict";
import { test } from "node:test";
import { Streams } from "../../src/connections/streams.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { realLibc } from "../support/libc.ts";
import { serving } from "../support/serving.ts";
import { until } from "../support/until.ts";

/** A server whose replies are streams with one word, and their ends so far. */
async function streaming(libc: Libc) {
  let ends = 0;
  const one = await serving(libc, {}, 1000, async (exchange, tracker) => {
    let close = () => {};
    const ended = await tracker.beginStream(exchange, () => close());
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        close = () => {
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
  return { ...one, ends: () => ends };
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

function optionsOf(libc: Libc) {
  return { libc, list: () => [], isUnixBusy: () => false };
}

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
