import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { type Config, ConfigError, parseConfig } from "../src/config.ts";
import { parseListen } from "../src/config/address.ts";
import { asEnvironment } from "../src/hooks/hook.ts";

/** A readFile over files that do not exist on disk. */
function files(contents: Record<string, string> = {}) {
  return (path: string) => {
    if (Object.hasOwn(contents, path)) return contents[path];
    const error = new Error(
      `ENOENT: no such file or directory, open '${path}'`,
    );
    throw Object.assign(error, { code: "ENOENT" });
  };
}

const defaultFile = "/etc/lull/config.json";

function inDefaultFile(content: unknown) {
  return files({ [defaultFile]: JSON.stringify(content) });
}

function serve(
  args: string[],
  env: Record<string, string | undefined> = {},
  readFile = files(),
): Config {
  const parsed = parseConfig(args, env, readFile);
  assert.equal(parsed.kind, "serve");
  return (parsed as Extract<typeof parsed, { kind: "serve" }>).config;
}

/** The message of the ConfigError that this command line must end in. */
function refused(
  args: string[],
  env: Record<string, string | undefined> = {},
  readFile = files(),
): string {
  try {
    parseConfig(args, env, readFile);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  assert.fail(`${JSON.stringify(args)} was accepted`);
}

const defaults = {
  host: "0.0.0.0",
  port: 49983,
  scanIntervalMs: 1000,
  forwardAddress: "169.254.0.21",
  forwardPorts: true,
  lease: 600,
  healthRecovers: "always",
  logLevel: "INFO",
  logFormat: "json",
  runtimeDirectory: "/run/lull",
  bodyLimitBytes: 65536,
  headerTimeoutMs: 10000,
  idleTimeoutMs: 60000,
  listen: [],
  guestCalls: "refuse",
  tokenFile: "",
  hookDirectories: ["/etc/lull/hooks.d"],
  hookLimitMs: 5000,
  hooksLimitMs: 15000,
  hookContinue: [],
  hooksSocket: "/run/lull/hooks.sock",
  hooks: [],
  workloadCgroup: [],
  workloadLimitMs: 2000,
  freezeMounts: [],
  freezeHoldMs: 10000,
  freezeForce: false,
  clockToleranceMs: 50,
  resetConnections: true,
  dropCaches: "pagecache",
  compactMemory: false,
  zeroMemoryMib: 512,
  pageOut: "unneeded",
  maxConnections: 1024,
  maxRequestsPerConnection: 10000,
} as const;

describe("precedence", () => {
  test("nothing given: the defaults, and no file is needed", () => {
    assert.deepEqual(serve([]), defaults);
  });

  test("file over default, environment over file, flag over environment", () => {
    const file = inDefaultFile({ lease: 1, port: 2, scanIntervalMs: 300 });
    const env = { LULL_PORT: "3", LULL_SCAN_INTERVAL_MS: "400", PORT: "9" };
    assert.deepEqual(serve(["--scan-interval-ms", "500"], env, file), {
      ...defaults,
      lease: 1,
      port: 3,
      scanIntervalMs: 500,
    });
  });

  test("every option can be given by each source", () => {
    const other: Config = {
      host: "::1",
      port: 0,
      scanIntervalMs: 60_000,
      forwardAddress: "10.0.2.15",
      forwardPorts: false,
      lease: 86_400,
      healthRecovers: "restored",
      logLevel: "CRITICAL",
      logFormat: "text",
      runtimeDirectory: "/tmp/lull",
      bodyLimitBytes: 1,
      headerTimeoutMs: 1,
      idleTimeoutMs: 1,
      listen: ["127.0.0.1:0", "[::1]:65535", "unix:/run/lull.sock"],
      guestCalls: "allow",
      tokenFile: "/etc/lull/token",
      hookDirectories: ["/a", "/b"],
      hookLimitMs: 1,
      hooksLimitMs: 600_000,
      hookContinue: ["10-db", "/a/20-cache"],
      hooksSocket: "",
      hooks: [],
      workloadCgroup: ["workload.slice"],
      workloadLimitMs: 1,
      freezeMounts: ["/data"],
      freezeHoldMs: 1,
      freezeForce: true,
      clockToleranceMs: 0,
      resetConnections: false,
      dropCaches: "all",
      compactMemory: true,
      zeroMemoryMib: 0,
      pageOut: "settle",
      maxConnections: 1,
      maxRequestsPerConnection: 1,
    };
    const names = Object.entries(other).filter(([key]) => key !== "hooks").map((
      [key, value],
    ) => ({
      kebab: key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`),
      value: String(value),
    }));
    const flags = names.map(({ kebab, value }) => `--${kebab}=${value}`);
    const variables = Object.fromEntries(names.map(({ kebab, value }) => [
      `LULL_${kebab.replaceAll("-", "_").toUpperCase()}`,
      value,
    ]));
    assert.deepEqual(serve([], {}, inDefaultFile(other)), other);
    assert.deepEqual(serve([], variables), other);
    assert.deepEqual(serve(flags), other);
  });

  test("a variable that is present but undefined is not given", () => {
    assert.equal(serve([], { LULL_PORT: undefined }).port, 49983);
  });
});

describe("config file", () => {
  test("--config names another file, which takes the default's place", () => {
    const readFile = files({
      [defaultFile]: '{"port": 1, "lease": 1}',
      "/tmp/a.json": '{"port": 2}',
    });
    for (
      const args of [["--config", "/tmp/a.json"], ["--config=/tmp/a.json"]]
    ) {
      const { port, lease } = serve(args, {}, readFile);
      assert.deepEqual({ port, lease }, { port: 2, lease: 600 });
    }
  });

  test("a value after = may look like a flag", () => {
    const readFile = files({ "-a.json": '{"port": 2}' });
    assert.equal(serve(["--config=-a.json"], {}, readFile).port, 2);
    assert.match(refused(["--config", "-a.json"], {}, readFile), /got none$/);
  });

  test("a named file that is missing is an error", () => {
    assert.equal(
      refused(["--config", "/tmp/none.json"]),
      "Cannot read the config file /tmp/none.json: ENOENT: no such file or directory, open '/tmp/none.json'",
    );
    // Naming the default file makes it a named file.
    assert.match(refused(["--config", defaultFile]), /ENOENT/);
  });

  test("a default file that exists and cannot be read is an error", () => {
    const readFile = () => {
      throw Object.assign(new Error("EACCES: permission denied"), {
        code: "EACCES",
      });
    };
    assert.equal(
      refused([], {}, readFile),
      `Cannot read the config file ${defaultFile}: EACCES: permission denied`,
    );
  });

  test("what is no JSON object is an error", () => {
    assert.match(
      refused([], {}, files({ [defaultFile]: '{"port": ' })),
      /^Cannot read the config file \/etc\/lull\/config\.json: .*JSON/,
    );
    for (const text of ["null", "[]", "7", '"port"']) {
      assert.equal(
        refused([], {}, files({ [defaultFile]: text })),
        `Cannot read the config file ${defaultFile}: expected a JSON object, got ${text}`,
      );
    }
  });

  test("values have their JSON type: a number as text is wrong", () => {
    assert.equal(
      refused([], {}, inDefaultFile({ port: "80" })),
      `Cannot use port in ${defaultFile}: expected a whole number from 0 to 65535, got "80"`,
    );
    assert.match(
      refused([], {}, inDefaultFile({ forwardPorts: "false" })),
      /expected true or false, got "false"$/,
    );
    assert.match(refused([], {}, inDefaultFile({ lease: null })), /got null$/);
  });
});

describe("objects", () => {
  const hooks = [{ name: "db", url: "http://127.0.0.1:1/", limitMs: 5 }];

  test("come from the file, as they are there", () => {
    assert.deepEqual(serve([], {}, inDefaultFile({ hooks })).hooks, hooks);
    for (const wrong of [{}, ["db"], "db", [[]]]) {
      assert.equal(
        refused([], {}, inDefaultFile({ hooks: wrong })),
        `Cannot use hooks in ${defaultFile}: expected a list of objects with name, url, and if need be limitMs and policy, got ${
          JSON.stringify(wrong)
        }`,
      );
    }
  });

  test("and from nowhere else", () => {
    const only = "it can be given in the config file only";
    assert.equal(refused(["--hooks=[]"]), `Cannot use --hooks: ${only}`);
    assert.equal(
      refused([], { LULL_HOOKS: "[]" }),
      `Cannot use LULL_HOOKS: ${only}`,
    );
  });
});

describe("a wrong value names the option, the value and what was expected", () => {
  test("as a flag", () => {
    assert.equal(
      refused(["--scan-interval-ms", "5"]),
      'Cannot use --scan-interval-ms: expected a whole number from 100 to 60000, got "5"',
    );
  });

  test("as a variable", () => {
    assert.equal(
      refused([], { LULL_SCAN_INTERVAL_MS: "fast" }),
      'Cannot use LULL_SCAN_INTERVAL_MS: expected a whole number from 100 to 60000, got "fast"',
    );
  });

  test("as a key of the named file", () => {
    assert.equal(
      refused(
        ["--config=/tmp/a.json"],
        {},
        files({ "/tmp/a.json": '{"scanIntervalMs": 1000.5}' }),
      ),
      "Cannot use scanIntervalMs in /tmp/a.json: expected a whole number from 100 to 60000, got 1000.5",
    );
  });

  test("even where a stronger source gives a right one", () => {
    assert.match(
      refused(["--port=80"], { LULL_PORT: "x" }),
      /^Cannot use LULL/,
    );
  });

  const wrong: [string, string, string][] = [
    ["--host", "", "an address or a host name"],
    ["--host", "a b", "an address or a host name"],
    ["--port", "-1", "a whole number from 0 to 65535"],
    ["--port", "65536", "a whole number from 0 to 65535"],
    ["--port", "0x50", "a whole number from 0 to 65535"],
    ["--port", "", "a whole number from 0 to 65535"],
    ["--scan-interval-ms", "99", "a whole number from 100 to 60000"],
    ["--scan-interval-ms", "60001", "a whole number from 100 to 60000"],
    ["--forward-address", "::1", "an IPv4 address"],
    ["--forward-address", "256.1.1.1", "an IPv4 address"],
    ["--forward-ports", "yes", "true or false"],
    ["--lease", "0", "a whole number from 1 to 86400"],
    ["--lease", "86401", "a whole number from 1 to 86400"],
    ["--lease", "1e3", "a whole number from 1 to 86400"],
    ["--health-recovers", "never", "always or restored"],
    ["--log-level", "NOTSET", "DEBUG, INFO, WARN, ERROR or CRITICAL"],
    ["--log-format", "JSON", "json or text"],
    ["--runtime-directory", "run", "an absolute path"],
    ["--body-limit-bytes", "0", "a whole number from 1 to 1073741824"],
    ["--header-timeout-ms", "0", "a whole number from 1 to 3600000"],
    ["--idle-timeout-ms", "0", "a whole number from 1 to 3600000"],
    ["--hook-directories", "/a,b", "a list of absolute paths"],
    ["--hook-directories", "/a,,/b", "a list of absolute paths"],
    ["--freeze-mounts", "data", "a list of absolute paths"],
    ["--hook-continue", ",", "a list of names or paths of scripts"],
    ["--workload-cgroup", "a,", "a list of cgroups, by name or path"],
    ["--hooks-socket", "lull.sock", "an absolute path, or nothing"],
    ["--token-file", "token", "an absolute path, or nothing"],
    ["--drop-caches", "true", "off, pagecache or all"],
    ["--guest-calls", "yes", "refuse or allow"],
    ["--reset-connections", "no", "true or false"],
    ["--clock-tolerance-ms", "-1", "a whole number from 0 to 3600000"],
    ["--max-connections", "0", "a whole number from 1 to 1000000"],
    ...[
      "49983",
      "[::1]",
      "::1:80",
      "[10.0.0.1]:80",
      "[::1%eth0]:80",
      "a:65536",
      "a:-1",
      ":80",
      "unix:lull.sock",
      "unix:",
      "http://a:80",
      "a:80,",
    ].map((at): [string, string, string] => [
      "--listen",
      at,
      "a list of HOST:PORT, [IPv6]:PORT or unix:PATH",
    ]),
  ];
  for (const [flag, value, expected] of wrong) {
    test(`${flag}=${value}`, () => {
      assert.equal(
        refused([`${flag}=${value}`]),
        `Cannot use ${flag}: expected ${expected}, got ${
          JSON.stringify(value)
        }`,
      );
    });
  }
});

describe("what is unknown is an error", () => {
  const noSuch = "there is no such option, lull --help lists them";

  test("a flag, whatever follows it", () => {
    assert.equal(refused(["--prot", "80"]), `Cannot use --prot: ${noSuch}`);
    assert.equal(refused(["-p", "80"]), `Cannot use -p: ${noSuch}`);
    assert.equal(refused(["--no-port"]), `Cannot use --no-port: ${noSuch}`);
    assert.equal(
      refused(["--__proto__=1"]),
      `Cannot use --__proto__: ${noSuch}`,
    );
  });

  test("a LULL_ variable; others are none of our business", () => {
    assert.equal(
      refused([], { LULL_PROT: "80" }),
      `Cannot use LULL_PROT: ${noSuch}`,
    );
    assert.deepEqual(serve([], { LULLABY: "x", PORT: "80" }), defaults);
  });

  test("but not what hooks are told: one of them may start a lull", () => {
    const told = asEnvironment({
      phase: "thaw",
      operation: "a",
      generation: 1,
      outcome: "restored",
      hostTime: "2026-01-01T00:00:00Z",
    });
    assert.equal(Object.keys(told).length, 5);
    assert.deepEqual(serve([], told), defaults);
  });

  test("a key of the file", () => {
    for (const key of ["prot", "scan-interval-ms", "__proto__", "toString"]) {
      assert.equal(
        refused([], {}, files({ [defaultFile]: `{"${key}": 1}` })),
        `Cannot use ${key} in ${defaultFile}: ${noSuch}`,
      );
    }
  });

  test("a command, or a word after it", () => {
    assert.equal(
      refused(["bake"]),
      'Cannot run "bake": expected a command (serve, install, doctor)',
    );
    assert.match(refused(["toString"]), /^Cannot run "toString"/);
    assert.equal(
      refused(["serve", "now"]),
      'Cannot use "now": serve takes only flags',
    );
  });
});

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
    });
    assert.deepEqual(parse("--binary=b", "--root=/a", "install"), {
      kind: "install",
      root: "/a",
      binary: "b",
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
          "use --port: install takes only --root, --binary",
        ],
        [
          "install --root=/ --config=/a",
          "use --config: install takes only --root, --binary",
        ],
        ["install --root=/ --json", "use --json: only doctor takes it"],
        ["serve --root=/", "use --root: only install takes it"],
        ["--json", "use --json: only doctor takes it"],
        ["doctor --json=no", 'use --json: expected no value, got "no"'],
        [
          "doctor --no-json",
          "use --no-json: there is no such option, lull --help lists them",
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

test("--help lists every option with its default, and the commands", () => {
  const parsed = parseConfig(["--help"], {}, files());
  assert.equal(parsed.kind, "help");
  const { text } = parsed as Extract<typeof parsed, { kind: "help" }>;
  for (const [key, value] of Object.entries(defaults)) {
    if (key === "hooks") continue;
    const kebab = key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
    const variable = `LULL_${kebab.replaceAll("-", "_").toUpperCase()}`;
    const entry = text.split(/\n(?= {2}-)/).find((entry) =>
      entry.startsWith(`  --${kebab}`)
    );
    assert.ok(entry, `${key} is missing`);
    const shown = value.toString() || "none";
    assert.ok(entry.includes(`Default: ${shown}\n`), entry);
    assert.ok(entry.includes(`Key ${key}, variable ${variable}`), entry);
  }
  assert.match(text, /\n {2}--forward-ports, --no-forward-ports\n/);
  assert.match(text, /\n {2}hooks, in the config file only\n/);
  assert.match(text, /\n {2}--config FILE\n.*\n.*\/etc\/lull\/config\.json/);
  assert.match(text, /\n {2}serve +\S/);
  assert.doesNotMatch(text, /undefined|object Object/);
  const longest = Math.max(...text.split("\n").map((line) => line.length));
  assert.ok(longest <= 80, `a line has ${longest} characters`);
});

test("an address to listen on, taken apart", () => {
  const cases: [string, ReturnType<typeof parseListen>][] = [
    ["0.0.0.0:49983", { host: "0.0.0.0", port: 49983 }],
    ["[::]:0", { host: "::", port: 0 }],
    ["localhost:080", { host: "localhost", port: 80 }],
    ["unix:/run/a b:c.sock", { path: "/run/a b:c.sock" }],
    ["unix:/a", { path: "/a" }],
    ["::1", undefined],
  ];
  for (const [at, parsed] of cases) assert.deepEqual(parseListen(at), parsed);
});
