import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { asEnvironment } from "../../src/hooks/hook.ts";
import { defaultFile, defaults, files, refused, serve } from "./parsing.ts";

const FORWARD_ADDRESSES =
  "a list of IP addresses other than link-local ones of IPv6";
const RANGES = "a list of ports and ranges, like 3000 or 8000-8999";
const UNIX_PORTS = "a list of PATH=PORT, with the absolute path of a socket";

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

  test("as a number in a list of texts", () => {
    assert.equal(
      refused(
        ["--config=/tmp/a.json"],
        {},
        files({ "/tmp/a.json": '{"forwardInclude": [3000]}' }),
      ),
      `Cannot use forwardInclude in /tmp/a.json: expected ${RANGES}, each in quotes, got [3000]`,
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
    ["--forward-address", "fe80::1", FORWARD_ADDRESSES],
    ["--forward-address", "febf::1", FORWARD_ADDRESSES],
    ["--forward-address", "256.1.1.1", FORWARD_ADDRESSES],
    ["--forward-address", "fd00::2/64", FORWARD_ADDRESSES],
    ["--forward-include", "0", RANGES],
    ["--forward-exclude", "65536", RANGES],
    ["--forward-exclude", "80-", RANGES],
    ["--forward-proxy-protocol", "a", RANGES],
    ["--forward-unix", "run/a.sock=80", UNIX_PORTS],
    ["--forward-unix", "/a.sock", UNIX_PORTS],
    ["--forward-unix", "/a.sock=0", UNIX_PORTS],
    ["--forward-unix", `/${"a".repeat(107)}=80`, UNIX_PORTS],
    ["--forward-ports", "yes", "true or false"],
    ["--lease", "0", "a whole number from 1 to 86400"],
    ["--lease", "86401", "a whole number from 1 to 86400"],
    ["--lease", "1e3", "a whole number from 1 to 86400"],
    ["--health-recovers", "sometimes", "always, restored or never"],
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
    ["--hooks-socket", "lull.sock", "an absolute path or an empty value"],
    ["--token-file", "token", "an absolute path or an empty value"],
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
      "vsock:0",
      "vsock:2:80",
      "http://a:80",
      "a:80,",
    ].map((at): [string, string, string] => [
      "--listen",
      at,
      "a list of HOST:PORT, [IPv6]:PORT, unix:PATH or vsock:PORT",
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
  const noSuch = "there is no such option, see lull --help";

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

  test("the variable of a preload is no option, and is left to the preload", () => {
    assert.deepEqual(serve([], { LULL_GENERATION_FILE: "/x" }), defaults);
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
      'Cannot run "bake": expected a command (serve, install, doctor, ready, prepare, recover, health, status, watch, wait, ports, metrics, conformance)',
    );
    assert.match(refused(["toString"]), /^Cannot run "toString"/);
    assert.equal(
      refused(["serve", "now"]),
      'Cannot use "now": serve accepts only flags',
    );
  });
});
