import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../src/config/mod.ts";
import { defaults, files, refused, serve } from "./parsing.ts";

describe("the command line", () => {
  test("serve by name, before or after the flags", () => {
    assert.equal(serve(["serve", "--port", "1"]).port, 1);
    assert.equal(serve(["--port=1", "--no-forward-ports", "serve"]).port, 1);
  });

  test("a boolean as =true, =false, alone and by --no-", () => {
    const off = { LULL_FORWARD_PORTS: "false" };
    assert.equal(serve(["--forward-ports=false"]).forwardPorts, false);
    assert.equal(serve(["--no-forward-ports"]).forwardPorts, false);
    assert.equal(serve(["--forward-ports"], off).forwardPorts, true);
    assert.equal(serve(["--forward-ports=true"], off).forwardPorts, true);
    assert.equal(
      refused(["--no-forward-ports=true"]),
      'Cannot use --no-forward-ports: expected no value, got "true"',
    );
  });

  test("a list of commas, of several flags, or empty", () => {
    const hooks = (...args: string[]) => serve(args).hookDirectories;
    assert.deepEqual(hooks("--hook-directories=/a, /b"), ["/a", "/b"]);
    assert.deepEqual(
      hooks("--hook-directories=/a,/b", "--hook-directories", "/c"),
      ["/a", "/b", "/c"],
    );
    assert.deepEqual(hooks("--hook-directories="), []);
    const env = { LULL_HOOK_DIRECTORIES: "/d,/e" };
    assert.deepEqual(serve([], env).hookDirectories, ["/d", "/e"]);
    // Flags append to each other, never to a weaker source.
    assert.deepEqual(
      serve(["--hook-directories=/a"], env).hookDirectories,
      ["/a"],
    );
  });

  test("of the same flag twice, the last", () => {
    assert.equal(serve(["--port=1", "--port=2"]).port, 2);
    const readFile = files({ "/b.json": '{"port": 3}' });
    const args = ["--config=/a.json", "--config=/b.json"];
    assert.equal(serve(args, {}, readFile).port, 3);
  });

  test("the log level in any case", () => {
    assert.equal(serve(["--log-level=debug"]).logLevel, "DEBUG");
    assert.equal(serve([], { LULL_LOG_LEVEL: "Warn" }).logLevel, "WARN");
  });

  test("a flag without its value", () => {
    const port = "expected a whole number from 0 to 65535";
    assert.equal(refused(["--port"]), `Cannot use --port: ${port}, got none`);
    assert.equal(
      refused(["--port", "--lease=1"]),
      `Cannot use --port: ${port}, got none`,
    );
    assert.equal(
      refused(["--port", "-1"]),
      `Cannot use --port: ${port}, got "-1"`,
    );
    assert.equal(
      refused(["--config"]),
      "Cannot use --config: expected the path of a file, got none",
    );
  });

  test("--version and --help come before everything that is wrong", () => {
    const env = { LULL_NONE: "1" };
    assert.deepEqual(parseConfig(["--version", "--prot"], env, files()), {
      kind: "version",
    });
    for (const flag of ["--help", "-h"]) {
      const parsed = parseConfig(["bake", flag, "--prot"], env, files());
      assert.equal(parsed.kind, "help");
    }
  });
});

describe("commands of their own flags", () => {
  const parse = (...args: string[]) => parseConfig(args, {}, files());

  test("install takes a root, and a binary", () => {
    assert.deepEqual(parse("install", "--root", "/a"), {
      kind: "install",
      root: "/a",
      binary: undefined,
      preload: undefined,
      uninstall: false,
      dryRun: false,
    });
    assert.deepEqual(parse("install", "--root=/", "--uninstall", "--dry-run"), {
      kind: "install",
      root: "/",
      binary: undefined,
      preload: undefined,
      uninstall: true,
      dryRun: true,
    });
    assert.deepEqual(parse("--binary=b", "--root=/a", "install"), {
      kind: "install",
      root: "/a",
      binary: "b",
      preload: undefined,
      uninstall: false,
      dryRun: false,
    });
    // What the environment and the config file say is for who serves.
    const env = { LULL_PROT: "1" };
    assert.equal(
      parseConfig(["install", "--root=/"], env, files()).kind,
      "install",
    );
  });

  test("and refuses what is missing, empty, or not its own", () => {
    for (
      const [args, why] of [
        ["install", "install: expected --root DIR, got none"],
        [
          "install --root=",
          'use --root: expected the path of a directory, got ""',
        ],
        [
          "install --root",
          "use --root: expected the path of a directory, got none",
        ],
        [
          "install --root=/ --port=1",
          "use --port: install accepts only --root, --binary, --preload, --uninstall, --dry-run",
        ],
        [
          "install --root=/ --config=/a",
          "use --config: install accepts only --root, --binary, --preload, --uninstall, --dry-run",
        ],
        [
          "install --root=/ --json",
          "use --json: it is a flag of doctor, prepare, recover, health, status, watch, wait, ports, metrics, conformance, not of install",
        ],
        [
          "install --root=/ --uninstall --binary=b",
          "use --binary: --uninstall removes the installed binary",
        ],
        [
          "install --root=/ --dry-run=no",
          'use --dry-run: expected no value, got "no"',
        ],
        ["serve --root=/", "use --root: it is a flag of install, not of serve"],
        [
          "--json",
          "use --json: it is a flag of doctor, prepare, recover, health, status, watch, wait, ports, metrics, conformance, not of serve",
        ],
        ["doctor --json=no", 'use --json: expected no value, got "no"'],
        [
          "doctor --no-json",
          "use --no-json: there is no such option, see lull --help",
        ],
      ]
    ) assert.equal(refused(args.split(" ")), `Cannot ${why}`);
  });

  test("doctor takes the options, and --json before or after it", () => {
    const config = { ...defaults, port: 1 };
    for (const args of [["--json", "doctor"], ["doctor", "--json"]]) {
      assert.deepEqual(parse(...args, "--port=1"), {
        kind: "doctor",
        config,
        json: true,
      });
    }
    const { json } = parse("doctor") as { json?: boolean };
    assert.equal(json, false);
  });
});

describe("the commands that call an agent", () => {
  const parse = (...args: string[]) => parseConfig(args, {}, files());

  test("take their flags, the last one of each", () => {
    assert.deepEqual(
      parse("prepare", "--url=unix:/a", "--lease", "5", "--json", "--lease=6"),
      {
        kind: "call",
        command: "prepare",
        flags: { url: "unix:/a", lease: "6", json: true },
      },
    );
  });

  test("leave a flag of the same name to the agent", () => {
    assert.equal(serve(["--lease=5"]).lease, 5);
    assert.equal(serve(["serve", "--lease=5"]).lease, 5);
  });
});
