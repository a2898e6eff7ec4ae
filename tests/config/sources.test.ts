import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Config } from "../../src/config/mod.ts";
import { defaultFile, defaults, files, refused, serve } from "./parsing.ts";

function inDefaultFile(content: unknown) {
  return files({ [defaultFile]: JSON.stringify(content) });
}

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
      forwardAddress: ["10.0.2.15", "fd00::2"],
      forwardInclude: ["3000", "8000-8999"],
      forwardExclude: ["8080"],
      forwardUdp: true,
      forwardUnix: ["/run/app.sock=8000"],
      forwardProxyProtocol: ["8000"],
      forwardAlways: ["9000"],
      forwardMaxConnections: 7,
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
      dialects: ["e2b", "wrenn@127.0.0.1:1", "qemu-ga"],
      qemuGa: "/dev/port",
      e2bMetadata: "",
      guestCalls: "allow",
      tokenFile: "/etc/lull/token",
      hookDirectories: ["/a", "/b"],
      hookLimitMs: 1,
      hooksLimitMs: 600_000,
      hookContinue: ["10-db", "/a/20-cache"],
      hooksSocket: "",
      hooks: [],
      workloadCgroup: ["workload.slice"],
      workloadExcept: ["logs.slice"],
      workloadLimitMs: 1,
      freezeMounts: ["/data"],
      freezeHoldMs: 1,
      freezeForce: true,
      freezeAllMounts: false,
      snapshotKind: "diff",
      publishWorkingSet: true,
      mailbox: "mmds",
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

  test("a config file may give one forward address without a list", () => {
    const file = inDefaultFile({ forwardAddress: "fd00::2" });
    assert.deepEqual(serve([], {}, file).forwardAddress, ["fd00::2"]);
  });

  test("a variable that is present but undefined is not given", () => {
    assert.equal(serve([], { LULL_PORT: undefined }).port, 49983);
  });
});

describe("the credential of a service manager", () => {
  const env = { CREDENTIALS_DIRECTORY: "/run/credentials/lull.service" };
  const path = "/run/credentials/lull.service/lull.token";

  test("is the token file if it exists, and every other source overrides it", () => {
    const readFile = files({ [path]: "secret" });
    assert.equal(serve([], env, readFile).tokenFile, path);
    assert.equal(serve(["--token-file="], env, readFile).tokenFile, "");
    assert.equal(
      serve([], { ...env, LULL_TOKEN_FILE: "/a" }, readFile).tokenFile,
      "/a",
    );
    assert.equal(serve([], env).tokenFile, "");
    assert.equal(serve([], {}, readFile).tokenFile, "");
  });

  test("is the token file even if it cannot be read", () => {
    const readFile = (at: string) => {
      if (at !== path) return files()(at);
      throw Object.assign(new Error("EACCES: permission denied"), {
        code: "EACCES",
      });
    };
    assert.equal(serve([], env, readFile).tokenFile, path);
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
      "Cannot read the config file /tmp/none.json: ENOENT; let the agent read it, or name another file with --config",
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
      `Cannot read the config file ${defaultFile}: EACCES; let the agent read it, or name another file with --config`,
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
        `Cannot use hooks in ${defaultFile}: expected a list of objects with name, url, and optionally limitMs and policy, got ${
          JSON.stringify(wrong)
        }`,
      );
    }
  });

  test("and from nowhere else", () => {
    const only = "only the config file can set it";
    assert.equal(refused(["--hooks=[]"]), `Cannot use --hooks: ${only}`);
    assert.equal(
      refused([], { LULL_HOOKS: "[]" }),
      `Cannot use LULL_HOOKS: ${only}`,
    );
  });
});
