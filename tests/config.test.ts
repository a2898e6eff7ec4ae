import { describe, test } from "node:test";
import assert from "node:assert/strict";
import { type Config, ConfigError, parseConfig } from "../src/config.ts";

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
    };
    const names = Object.entries(other).map(([key, value]) => ({
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
      'Cannot run "bake": expected a command (serve)',
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

test("--help lists every option with its default, and the commands", () => {
  const parsed = parseConfig(["--help"], {}, files());
  assert.equal(parsed.kind, "help");
  const { text } = parsed as Extract<typeof parsed, { kind: "help" }>;
  for (const [key, value] of Object.entries(defaults)) {
    const kebab = key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
    const variable = `LULL_${kebab.replaceAll("-", "_").toUpperCase()}`;
    const entry = text.split(/\n(?= {2}-)/).find((entry) =>
      entry.startsWith(`  --${kebab}`)
    );
    assert.ok(entry, `${key} is missing`);
    assert.ok(entry.includes(`Default: ${value}\n`), entry);
    assert.ok(
      entry.includes(`file ${key}, in the environment ${variable}`),
      entry,
    );
  }
  assert.match(text, /\n {2}--forward-ports, --no-forward-ports\n/);
  assert.match(text, /\n {2}--config FILE\n.*\n.*\/etc\/lull\/config\.json/);
  assert.match(text, /\n {2}serve +\S/);
  assert.doesNotMatch(text, /undefined|object Object/);
  const longest = Math.max(...text.split("\n").map((line) => line.length));
  assert.ok(longest <= 80, `a line has ${longest} characters`);
});
