import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { mmdsSource } from "../../src/mailbox/mmds.ts";
import { FakeMmds } from "../support/fake_mmds.ts";

const MAX = 65_536;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("a mailbox in the metadata service", () => {
  let mmds: FakeMmds;
  const read = (most = MAX, signal?: AbortSignal) =>
    mmdsSource({ host: "127.0.0.1", port: mmds.port }).read(most, signal);
  before(async () => void (mmds = await FakeMmds.start()));
  beforeEach(() => {
    Object.assign(mmds, { content: {}, version: 2, silent: false });
    mmds.asked.splice(0);
  });
  after(() => mmds?.stop());

  test("is the key lull, and each read has a token of its own", async () => {
    const lull = { network: { hostname: "fork-é" } };
    mmds.content = { lull, other: { secret: 1 } };
    assert.deepEqual(JSON.parse(text(await read())), lull);
    assert.deepEqual(JSON.parse(text(await read())), lull);
    assert.deepEqual(
      mmds.asked.map(({ method, path }) => `${method} ${path}`),
      [
        ...["PUT /latest/api/token", "GET /lull"],
        ...["PUT /latest/api/token", "GET /lull"],
      ],
    );
    for (const { headers } of mmds.asked) {
      assert.equal(headers.connection, "close");
      // The service refuses requests that came through a proxy.
      assert.equal(headers["x-forwarded-for"], undefined);
    }
  });

  test("needs no token of version 1", async () => {
    Object.assign(mmds, { version: 1, content: { lull: {} } });
    assert.equal(text(await read()), "{}");
  });

  test("without the key is empty", async () => {
    assert.equal((await read()).length, 0);
  });

  test("is read up to the limit and one byte more", async () => {
    mmds.content = { lull: { x: "y".repeat(100_000) } };
    assert.equal((await read(1000)).length, 1001);
  });

  test("that does not reply in time, or not at all, is an error", async () => {
    mmds.silent = true;
    const words = `Cannot read the mailbox mmds at 127.0.0.1:${mmds.port}: `;
    await assert.rejects(read(), {
      message: `${words}no reply within 1000 ms`,
    });
    await assert.rejects(read(MAX, AbortSignal.timeout(50)), {
      message: `${words}given up`,
    });
    await assert.rejects(
      mmdsSource({ host: "127.0.0.1", port: 1 }).read(MAX),
      {
        message: "Cannot read the mailbox mmds at 127.0.0.1:1: ECONNREFUSED",
      },
    );
  });
});
