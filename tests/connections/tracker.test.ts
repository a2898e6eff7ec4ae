import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ConnectionTracker } from "../../src/connections/tracker.ts";
import { listenersOn } from "../../src/linux/listen.ts";
import { deferSeconds, realLibc } from "../support/libc.ts";
import { serving } from "../support/serving.ts";
import { until } from "../support/until.ts";

describe("a reply of a quiesced server", () => {
  test("closes its own connection and the present ones, and none that is opened later", async () => {
    const one = await serving(await realLibc(), {});
    try {
      await one.tracker.quiesce();
      const [asking, silent] = await one.connect(2);
      const reply = await one.ask(asking);
      assert.equal(reply.headers.get("connection"), "close");
      // As the host of a fork does: the machine was frozen after that reply.
      const [host] = await one.connect(1);
      await Promise.all([asking.gone(), silent.gone()]);
      assert.equal(host.closed, false);
      one.tracker.recover("keep");
      await one.ask(host);
      assert.equal(one.tracker.list().length, 1);
      assert.deepEqual(one.said, []);
    } finally {
      one.end();
    }
  });

  test("goes without a look, for who closes by itself", async () => {
    const one = await serving(await realLibc(), {});
    try {
      await one.tracker.quiesce();
      one.queue.schedule();
      let turned = false;
      one.queue.defer(() => turned = true);
      const [asking] = await one.connect(1);
      const { localPort: port } = asking;
      const peer = { address: "127.0.0.1", port };
      asking.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      assert.equal((await asking.response()).status, 200);
      await asking.gone();
      // The runtime has closed it; no code looks at it before that turn.
      assert.ok(one.tracker.exchanges.busy(peer) || turned);
      await until("the turn", () => !one.tracker.exchanges.busy(peer));
      assert.deepEqual(one.said, []);
    } finally {
      one.end();
    }
  });

  test("is rehearsed, and others stay connected", async () => {
    const one = await serving(await realLibc(), {});
    try {
      const [asking, other] = await one.connect(2);
      const { localPort } = asking;
      const end = one.tracker.endWithReply((peer) => peer?.port === localPort);
      assert.equal(one.tracker.keepAlive, true);
      assert.equal((await one.ask(other)).headers.get("connection"), undefined);
      const reply = await one.ask(asking);
      assert.equal(reply.headers.get("connection"), "close");
      await asking.gone();
      end();
      assert.equal((await one.ask(other)).headers.get("connection"), undefined);
      assert.equal(one.tracker.list().length, 1);
      assert.deepEqual(one.said, []);
    } finally {
      one.end();
    }
  });
});

test("a request that is arriving in a prepare that is undone gets its reply", async () => {
  const one = await serving(await realLibc(), {});
  try {
    // A connection that has sent its first bytes just now is not closed, but recorded.
    const two = await until("two that are just arriving", async () => {
      const two = await one.connect(2);
      for (const raw of two) raw.send("GET / HTTP/1.1\r\n");
      await one.tracker.quiesce();
      return two.some(({ closed }) => closed) ? undefined : two;
    });
    const [arriving, half] = two!;
    one.tracker.recover("keep");
    arriving.send("Host: x\r\n\r\n");
    assert.equal((await arriving.response()).status, 200);
    // The one that has sent half a request only is closed; the other one stays.
    await half.gone();
    await one.ask(arriving);
    assert.deepEqual(one.said, []);
  } finally {
    one.end();
  }
});

test("half a request in a prepare that is undone is closed a little later", async () => {
  const one = await serving(await realLibc(), {});
  try {
    const [half] = await one.connect(1);
    half.send("GET / HTTP/1.1\r\n");
    await one.tracker.quiesce();
    one.tracker.recover("keep");
    await half.gone();
    assert.deepEqual(one.said, []);
  } finally {
    one.end();
  }
});

test("an agent that ends waits for the replies under way, not for half a request", async () => {
  const one = await serving(await realLibc(), {});
  try {
    const [asking, silent] = await one.connect(2);
    silent.send("GET / HT");
    const release = one.hold();
    asking.request("GET", "/");
    await until("the request", () =>
      one.tracker.exchanges.served({
        address: "127.0.0.1",
        port: asking.localPort,
      }) === 1);
    one.tracker.beginEnd();
    let ended = false;
    const end = one.tracker.replied().then(() => ended = true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(ended, false);
    release();
    const reply = await asking.response();
    assert.equal(reply.headers.get("connection"), "close");
    await end;
    assert.equal(silent.closed, false);
    assert.deepEqual(one.said, []);
  } finally {
    one.end();
  }
});

test("a server that listens on another socket hides who says nothing there", async () => {
  const libc = await realLibc();
  const one = await serving(libc, {});
  const hides = () => {
    const listeners = listenersOn(libc, [one.port]);
    assert.equal(listeners.length, 1);
    return deferSeconds(libc, listeners[0]) > 0;
  };
  try {
    one.tracker.listen();
    assert.equal(hides(), false);
    await one.listenAnew();
    assert.equal(hides(), false);
    await one.tracker.quiesce();
    assert.equal(hides(), true);
    await one.listenAnew();
    assert.equal(hides(), true);
    one.tracker.recover("keep");
    assert.equal(hides(), false);
  } finally {
    one.end();
  }
});

describe("a caller that waits for its reply", () => {
  /** One that the quiesce has recorded; `again` undoes that. */
  async function waiting(again: (tracker: ConnectionTracker) => void) {
    const one = await serving(await realLibc(), {});
    try {
      const [asking] = await one.connect(1);
      const reply = one.hold();
      asking.request("GET", "/");
      const peer = { address: "127.0.0.1", port: asking.localPort };
      await until("the request", () => one.tracker.exchanges.busy(peer));
      const { recorded } = await one.tracker.quiesce();
      assert.equal(recorded, 1);
      again(one.tracker);
      reply();
      return await asking.response().then(({ status }) => status, String);
    } finally {
      one.end();
    }
  }

  test("gets it, if the machine was not restored", async () => {
    assert.equal(
      await waiting((tracker) => {
        assert.deepEqual(tracker.recover("keep"), { zombies: 0 });
      }),
      200,
    );
  });

  test("is none any more, if the machine was restored", async () => {
    assert.match(
      String(
        await waiting((tracker) => {
          assert.deepEqual(tracker.recover("close"), { zombies: 1 });
        }),
      ),
      /closed after ""/,
    );
  });
});
