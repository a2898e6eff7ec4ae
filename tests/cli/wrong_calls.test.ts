import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runLull } from "../support/cli.ts";

/** Answers to a wrong command line; nothing is called. */
describe("a wrong command line of a call", () => {
  const url = "--url=http://127.0.0.1:1";
  const cases: readonly (readonly [string[], string])[] = [
    [["status"], "Cannot run status: expected --url ADDRESS, got none"],
    [
      ["status", "--url=localhost"],
      'Cannot use --url: expected http://HOST:PORT, unix:PATH, vsock:CID:PORT or fc:PATH:PORT, got "localhost"',
    ],
    [
      ["status", url, "--lease=1"],
      "Cannot use --lease: it is a flag of prepare, not of status",
    ],
    [
      ["status", url, "--port=1"],
      "Cannot use --port: status accepts only --url, --token, --timeout, --json",
    ],
    [
      ["prepare", url, "--lease=soon"],
      'Cannot use --lease: expected a number of seconds above 0, got "soon"',
    ],
    [
      ["prepare", url, "--wait=running"],
      'Cannot use --wait: expected quiesced or settled, got "running"',
    ],
    [
      ["recover", url, "--network=[]"],
      'Cannot use --network: expected a JSON object or a list of them, got "[]"',
    ],
    [
      ["recover", url, "--credential=token"],
      'Cannot use --credential: expected NAME=FILE, got "token"',
    ],
    [["wait", url], "Cannot run wait: expected --for STATE, got none"],
  ];
  for (const [args, message] of cases) {
    test(args.join(" "), () => {
      const { code, stdout, stderr } = runLull(args);
      assert.deepEqual({ code, stdout, stderr }, {
        code: 2,
        stdout: "",
        stderr: `lull: ${message}\n`,
      });
    });
  }
});
