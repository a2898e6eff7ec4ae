import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type Ran,
  runAgent,
  type Target,
  TestAgent,
} from "../../support/agent.ts";
import { temporary } from "../../support/hooks.ts";

/** One line, which says what cannot be done, why, and what to do; no stack trace. */
function assertOneLine({ status, stderr }: Ran, pattern: RegExp, code = 1) {
  assert.match(stderr, /^lull: Cannot [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.equal(status, code);
}

/** Starts that fail. */
export function failedStarts(target: Target): void {
  describe(`a start that fails on ${target}`, () => {
    const directory = temporary();
    const file = join(directory.path, "file");
    let agent: TestAgent;
    before(async () => {
      writeFileSync(file, "not JSON");
      agent = await TestAgent.start(target, [
        "--listen=127.0.0.1:0",
        `--listen=unix:${directory.path}/taken`,
      ]);
    });
    after(async () => {
      await agent?.stop();
      directory.remove();
    });

    function start(...flags: string[]): Ran {
      return runAgent(target, [
        `--runtime-directory=${directory.path}/run`,
        "--hooks-socket=",
        ...flags,
      ]);
    }

    test("a taken port", () => {
      assertOneLine(
        start(`--listen=127.0.0.1:${agent.port}`),
        /Cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE; .*--port/,
      );
    });

    test("a taken port after an address that is free: nothing stays", () => {
      const path = join(directory.path, "free");
      assertOneLine(
        start(`--listen=unix:${path}`, `--listen=127.0.0.1:${agent.port}`),
        /EADDRINUSE/,
      );
      assert.ok(!existsSync(path));
    });

    test("an address of no machine, and a name without one", () => {
      // Link-local without an interface.
      assertOneLine(
        start("--listen=[fe80::1]:0"),
        /on \[fe80::1\]:0: EINVAL; /,
      );
      assertOneLine(
        start("--host=no-such-host.invalid", "--port=0"),
        /no-such-host\.invalid:0: the name cannot be resolved \(E\w+\); name an/,
      );
    });

    const { path } = directory;
    const sockets: [string, string, RegExp][] = [
      ["that another program has", `${path}/taken`, /EADDRINUSE; .*--listen/],
      ["in no directory", `${path}/none/socket`, /ENOENT; .*directory/],
      ["below a file", `${path}/file/socket`, /ENOTDIR; /],
      ["that is a file", file, /it exists and is no socket; /],
      ["that is too long", `${path}/${"x".repeat(120)}`, /E[A-Z]+; /],
    ];
    for (const [what, at, why] of sockets) {
      test(`a unix socket ${what}`, () => {
        const ran = start(`--listen=unix:${at}`);
        assertOneLine(ran, why);
        assert.ok(ran.stderr.startsWith(`lull: Cannot listen on unix:${at}: `));
      });
    }

    test("a config file that cannot be read", () => {
      mkdirSync(join(path, "directory"));
      const missing = start(`--config=${path}/none.json`);
      assertOneLine(missing, /config file .*none\.json: ENOENT; .*--config/);
      assertOneLine(start(`--config=${path}/directory`), /: EISDIR; /);
    });

    test("what the user wrote is wrong: that is wrong usage, with 2", () => {
      assertOneLine(start(`--config=${file}`), /config file .*JSON/, 2);
      assertOneLine(start("--port=http"), /--port/, 2);
      const config = join(path, "hooks.json");
      writeFileSync(config, `{"hooks":[{"name":"a","url":"ftp://a"}]}`);
      assertOneLine(start(`--config=${config}`), /Cannot use hook .*url/, 2);
    });
  });
}
