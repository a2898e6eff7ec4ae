import assert from "node:assert/strict";
import { test } from "node:test";
import { hasBody, readRequestBody } from "../../src/util/request_body.ts";

const LIMIT = 8;

/** A request whose body consists of these chunks; the connection ends after them if `ends`. */
function request(
  headers: Record<string, string>,
  chunks: readonly string[],
  ends = false,
): Request {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      if (ends) controller.error(new Error("the connection has ended"));
      else controller.close();
    },
  });
  const init = { method: "POST", headers, body, duplex: "half" };
  return new Request("http://lull/", init as RequestInit);
}

async function read(...args: Parameters<typeof request>) {
  const body = await readRequestBody(request(...args), LIMIT);
  return typeof body === "string" ? body : [new TextDecoder().decode(body)];
}

const CHUNKED = { "transfer-encoding": "chunked" };

test("a message without a length and without chunks has no body", async () => {
  assert.equal(hasBody(request({}, ["a"])), false);
  assert.deepEqual(await read({}, ["a"]), [""]);
  assert.deepEqual(await read({ "content-length": "0" }, []), [""]);
});

test("a body within the limit is whole", async () => {
  assert.equal(hasBody(request(CHUNKED, [])), true);
  assert.equal(hasBody(request({ "content-length": "8" }, [])), true);
  const whole = ["12345678"];
  assert.deepEqual(await read({ "content-length": "8" }, whole), whole);
  assert.deepEqual(await read(CHUNKED, ["1234", "5678"]), whole);
  assert.deepEqual(await read(CHUNKED, []), [""]);
});

test("a body above the limit is not read to its end", async () => {
  const large = "body-too-large";
  assert.equal(await read({ "content-length": "9" }, []), large);
  assert.equal(await read(CHUNKED, ["12345678", "9"]), large);
});

test("if there are both headers, the length is ignored", async () => {
  const both = { "content-length": "99", ...CHUNKED };
  assert.deepEqual(await read(both, ["1"]), ["1"]);
});

test("a body whose connection ends is incomplete", async () => {
  const cut = "body-incomplete";
  assert.equal(await read({ "content-length": "8" }, ["12"], true), cut);
  assert.equal(await read(CHUNKED, ["12"], true), cut);
});
