/**
 * Ways by which a program in the guest could look like the host to a dialect.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  FORWARD_ADDRESS,
  type Target,
  TestAgent,
} from "../../support/agent.ts";
import { temporary } from "../../support/hooks.ts";
import { overUnix } from "../../support/over_unix.ts";
import { ask, Raw } from "../../support/raw.ts";
import { until } from "../../support/until.ts";
import { echo, portOf } from "../echo.ts";
import { secondPort } from "./framework.ts";

/** The user "nobody" of this machine. */
const NOBODY = 65_534;

/** Why no program of another user can run here, or false. */
function withoutOther(): string | false {
  return runAsOther("1").status === 0
    ? false
    : "there is no setpriv or perl, or no right to change the user";
}

/** What a program of another user hears if it connects to the socket. */
function connectAsOther(path: string): string {
  return runAsOther(
    "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die $!",
    path,
  ).stderr;
}

function runAsOther(program: string, ...args: string[]) {
  return spawnSync("setpriv", [
    ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"],
    ...["perl", "-e", program, ...args],
  ], { encoding: "utf8" });
}

/** Declares the tests of callers inside of the guest for one target. */
export function guardsInside(target: Target): void {
  describe(`programs in the guest and dialects on ${target}`, () => {
    const directory = temporary();
    const socket = join(directory.path, "lull.sock");
    let agent: TestAgent;
    before(async () => {
      chmodSync(directory.path, 0o755);
      agent = await TestAgent.start(target, [
        ...[
          "--guest-calls=refuse",
          "--listen=[::]:0",
          `--listen=unix:${socket}`,
        ],
        ...["--dialects=e2b,wrenn@[::]:0", "--e2b-metadata="],
      ]);
    });
    after(async () => {
      await agent?.stop();
      directory.remove();
    });

    /** All POST calls of both dialects from one address, with these headers. */
    async function assertRefused(
      headers: Record<string, string>,
      host = "127.0.0.1",
      body = "",
    ): Promise<void> {
      const calls = [
        [agent.port, "/init"],
        [agent.port, "/freeze?maxWaitMs=1"],
        [agent.port, "/unfreeze"],
        [agent.port, "/fsfreeze"],
        [agent.port, "/fsthaw"],
        [agent.port, "/collapse"],
        [secondPort(agent), "/init"],
        [secondPort(agent), "/snapshot/prepare"],
      ] as const;
      for (const [port, path] of calls) {
        const { status } = await ask(port, "POST", path, body, headers, host);
        const what = `${host} ${path} ${JSON.stringify(headers)}`;
        assert.equal(status, 403, what);
      }
      const { state, generation } = await agent.status();
      assert.deepEqual([state, generation], ["running", 0]);
    }

    test("every address of the guest is inside, as IPv4, IPv6 and mapped", async () => {
      const own = Object.values(networkInterfaces()).flatMap((all = []) =>
        all.map(({ address, scopeid }) =>
          scopeid ? `${address}%${scopeid}` : address
        )
      ).filter((address) => !address.startsWith("fe80"));
      const mapped = own.filter((address) => !address.includes(":"))
        .map((address) => `::ffff:${address}`);
      for (const host of ["127.0.0.1", "127.9.8.7", "::1", ...own, ...mapped]) {
        await assertRefused({}, host);
      }
    });

    test("no header makes a caller the host", async () => {
      const claims: Record<string, string>[] = [
        { host: "169.254.0.22" },
        { host: "localhost", "x-forwarded-for": "192.0.2.1" },
        { forwarded: "for=192.0.2.1", "x-real-ip": "192.0.2.1" },
        { "x-access-token": "t", authorization: "Bearer t" },
        { "x-http-method-override": "GET", "content-type": "text/plain" },
      ];
      for (const headers of claims) {
        await assertRefused(headers, "127.0.0.1", '{"accessToken":"t"}');
      }
      await assertRefused({ connection: "Upgrade", upgrade: "websocket" });
      // The refused token was not kept.
      assert.equal((await agent.ask("GET", "/metrics")).status, 200);
    });

    test("a header of the PROXY protocol is no request", async () => {
      const raw = await Raw.open(agent.port);
      raw.send("PROXY TCP4 192.0.2.1 192.0.2.2 1000 49983\r\n");
      raw.request("POST", "/freeze");
      const { status } = await raw.response();
      raw.destroy();
      assert.equal(status, 400);
      assert.equal((await agent.status()).state, "running");
    });

    test("methods other than POST change nothing", async () => {
      for (
        const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"]
      ) {
        for (const path of ["/freeze", "/init", "/fsfreeze", "/unfreeze"]) {
          const raw = await Raw.open(agent.port);
          raw.request(method, path, "", {
            ...{ connection: "Upgrade", upgrade: "websocket" },
            "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "sec-websocket-version": "13",
          });
          const { status } =
            await (method === "HEAD" ? raw.head() : raw.response());
          raw.destroy();
          // Lull's guard comes before its table of methods.
          assert.ok([403, 405].includes(status), `${method} ${path} ${status}`);
        }
      }
      const { state, generation } = await agent.status();
      assert.deepEqual([state, generation], ["running", 0]);
    });

    test("the forwarder leads no caller to the agent", async () => {
      const server = await echo({ host: "127.0.0.1", port: 0 });
      try {
        const forwarded = await until("a scan", async () => {
          const { ports } = await agent.status();
          const found = ports.ports.map(({ port }: { port: number }) => port);
          return found.includes(portOf(server)) && found;
        });
        for (const port of [agent.port, secondPort(agent)]) {
          assert.ok(!forwarded.includes(port), `${port} is forwarded`);
        }
        await assertRefused({}, FORWARD_ADDRESS);
      } finally {
        server.close();
      }
    });

    const without = withoutOther();
    const title = "only the owner of a unix socket can connect to it";
    test(
      `${title}${without ? `: ${without}` : ""}`,
      { skip: without },
      async () => {
        assert.equal(statSync(socket).mode & 0o777, 0o600);
        assert.match(connectAsOther(socket), /Permission denied/);
        assert.equal((await agent.status()).state, "running");
        // Root, which owns the socket, is the host.
        assert.equal((await overUnix(socket, "POST", "/freeze")).status, 204);
        assert.equal((await overUnix(socket, "POST", "/init")).status, 204);
      },
    );
  });
}
