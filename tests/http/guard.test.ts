import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Peer } from "../../src/runtime/types.ts";
import { Guard, type GuardOptions } from "../../src/http/guard.ts";

const HOST: Peer = { address: "10.0.2.2", port: 40_000 };
const GUEST: Peer = { address: "10.0.2.15", port: 40_000 };
const UNIX: Peer = { address: "unix:/run/lull.sock", port: 0, unix: true };
const vsock = (cid: number): Peer => ({
  address: `vsock:${cid}`,
  port: 40_000,
  cid,
});
const WITH_TOKEN = { authorization: "Bearer right" };

function guard(options: Partial<GuardOptions> = {}): Guard {
  return new Guard({
    guestCalls: "refuse",
    isLocal: (address) => address === GUEST.address,
    ...options,
  });
}

const token = {
  admits: (headers: Headers) => headers.get("authorization") === "Bearer right",
};

function call(
  method: string,
  path: string,
  peer: Peer | undefined,
  headers: Record<string, string> = {},
) {
  return { method, path, peer, headers: new Headers(headers) };
}

describe("without a token", () => {
  for (
    const [who, peer, refused] of [
      ["the host", HOST, undefined],
      ["a program of the guest", GUEST, "guest-call"],
      ["the owner of the unix socket", UNIX, undefined],
      ["the host over vsock", vsock(2), undefined],
      ["a program of the guest over vsock's loopback", vsock(1), "guest-call"],
      ["a program of the guest by the guest's CID", vsock(3), "guest-call"],
      ["the hypervisor's own CID", vsock(0), "guest-call"],
      ["an unknown caller", undefined, "guest-call"],
    ] as const
  ) {
    test(`${who} prepares: ${refused ?? "let in"}`, () => {
      for (const path of ["/snapshot/prepare", "/snapshot/recover", "/any"]) {
        assert.equal(guard().refusal(call("POST", path, peer)), refused);
      }
      assert.equal(guard().refusal(call("PUT", "/ports", peer)), refused);
    });

    test(`${who} calls by a dialect: ${refused ?? "let in"}`, () => {
      const freeze = call("POST", "/freeze", peer, WITH_TOKEN);
      assert.equal(guard().refusalOfDialect(freeze), refused);
      // Lull's own token guards Lull's own routes, and opens no others.
      assert.equal(guard({ token }).refusalOfDialect(freeze), refused);
      const page = call("POST", "/freeze", peer, { origin: "null" });
      assert.equal(guard().refusalOfDialect(page), "browser-call");
    });

    test(`${who} reads: let in`, () => {
      for (const path of ["/health", "/snapshot", "/metrics"]) {
        assert.equal(guard().refusal(call("GET", path, peer)), undefined);
      }
    });

    test(`${who} polls health: recovers ${refused === undefined}`, () => {
      const may = guard().mayRecoverByHealth(call("GET", "/health", peer));
      assert.equal(may, refused === undefined);
    });
  }

  test("what a caller says of itself changes nothing", () => {
    for (
      const name of ["host", "forwarded", "x-forwarded-for", "x-real-ip"]
    ) {
      const headers = { [name]: HOST.address };
      const prepare = call("POST", "/snapshot/prepare", GUEST, headers);
      assert.equal(guard().refusal(prepare), "guest-call");
    }
  });

  test("guestCalls=allow lets the guest in", () => {
    const open = guard({ guestCalls: "allow" });
    for (const peer of [GUEST, undefined]) {
      assert.equal(open.refusal(call("POST", "/a", peer)), undefined);
      assert.ok(open.mayRecoverByHealth(call("GET", "/health", peer)));
    }
  });

  test("addresses are asked for at each call: a restore may bring new ones", () => {
    const own = new Set<string>();
    const moving = guard({ isLocal: (address) => own.has(address) });
    const prepare = call("POST", "/snapshot/prepare", HOST);
    assert.equal(moving.refusal(prepare), undefined);
    own.add(HOST.address);
    assert.equal(moving.refusal(prepare), "guest-call");
  });

  test("the address of the prepare is not looked up again until the recovery", () => {
    const asked: string[] = [];
    const counting = guard({
      isLocal: (address) => asked.push(address) > 0 && address !== HOST.address,
    });
    const health = (peer: Peer) =>
      counting.mayRecoverByHealth(call("GET", "/health", peer));
    assert.equal(
      counting.refusal(call("POST", "/snapshot/prepare", HOST)),
      undefined,
    );
    assert.ok(health(HOST));
    assert.deepEqual(asked, [HOST.address]);
    assert.ok(!health(GUEST));
    assert.ok(health(HOST));
    assert.deepEqual(asked, [HOST.address, GUEST.address, HOST.address]);
    counting.forget();
    assert.ok(health(HOST));
    assert.equal(asked.length, 4);
  });
});

describe("a browser", () => {
  const pages: Record<string, string>[] = [
    { origin: "http://evil.example" },
    { origin: "null" },
    { "sec-fetch-site": "same-origin" },
  ];
  for (const headers of pages) {
    test(`${JSON.stringify(headers)} controls nothing, token or not`, () => {
      for (const options of [{}, { token }, { guestCalls: "allow" } as const]) {
        for (const peer of [HOST, UNIX]) {
          const more = { ...headers, ...WITH_TOKEN };
          const one = guard(options);
          const prepare = call("POST", "/snapshot/prepare", peer, more);
          assert.equal(one.refusal(prepare), "browser-call");
          const health = call("GET", "/health", peer, more);
          assert.equal(one.mayRecoverByHealth(health), false);
        }
      }
    });
  }
});

describe("with a token", () => {
  const one = guard({ token });
  test("without the token, only health checks are allowed", () => {
    for (const peer of [HOST, GUEST, UNIX, undefined]) {
      for (const path of ["/snapshot", "/metrics", "/openapi.json", "/no"]) {
        for (const method of ["GET", "POST", "DELETE", "HEAD"]) {
          assert.equal(one.refusal(call(method, path, peer)), "token-needed");
        }
      }
      assert.equal(one.refusal(call("GET", "/health", peer)), undefined);
      assert.equal(one.refusal(call("HEAD", "/health", peer)), undefined);
      assert.equal(one.refusal(call("PUT", "/health", peer)), "token-needed");
    }
  });

  test("a caller with the token is admitted, from inside the guest too", () => {
    for (const peer of [HOST, GUEST, UNIX, undefined]) {
      const prepare = call("POST", "/snapshot/prepare", peer, WITH_TOKEN);
      assert.equal(one.refusal(prepare), undefined);
      const health = call("GET", "/health", peer, WITH_TOKEN);
      assert.equal(one.mayRecoverByHealth(health), true);
    }
  });

  test("a health check of the guest without it recovers nothing", () => {
    assert.ok(!one.mayRecoverByHealth(call("GET", "/health", GUEST)));
    assert.ok(one.mayRecoverByHealth(call("GET", "/health", HOST)));
  });
});

describe("the agent's memory", () => {
  const may = (one: Guard, peer?: Peer, headers = {}) =>
    one.mayReadMemory(call("GET", "/snapshot", peer, headers));

  test("is for a host that may prepare, and for no caller inside", () => {
    for (const guestCalls of ["refuse", "allow"] as const) {
      const one = guard({ guestCalls });
      assert.equal(may(one, HOST), true);
      assert.equal(may(one, { address: "2", port: 9, cid: 2 }), true, "vsock");
      for (const peer of [GUEST, UNIX, undefined]) {
        assert.equal(may(one, peer), false, JSON.stringify(peer));
      }
      assert.equal(may(one, { address: "3", port: 9, cid: 3 }), false);
      assert.equal(may(one, HOST, { origin: "http://x" }), false, "a page");
    }
  });

  test("needs the token if there is one, which does not help a guest", () => {
    const one = guard({ token });
    assert.equal(may(one, HOST), false);
    assert.equal(may(one, HOST, WITH_TOKEN), true);
    for (const peer of [GUEST, UNIX, undefined]) {
      assert.equal(may(one, peer, WITH_TOKEN), false);
    }
  });
});
