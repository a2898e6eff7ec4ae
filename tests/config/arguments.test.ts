import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { readArguments } from "../../src/config/arguments.ts";
import { commandFlags } from "../../src/config/commands.ts";
import { optionsOf } from "../../src/config/option.ts";
import { configSchema } from "../../src/config/schema.ts";

const options = optionsOf(configSchema.entries);

/** What parseArgs of node:util makes of a command line. */
function byNode(args: string[]) {
  const { tokens } = parseArgs({
    ...{ args, strict: false, tokens: true },
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
      config: { type: "string" },
      ...Object.fromEntries(commandFlags.map(([name, { value }]) => [
        name,
        { type: value === undefined ? "boolean" : "string" },
      ])),
      ...Object.fromEntries(options.map(({ flag, type }) => [
        flag.slice(2),
        { type: type === "boolean" ? type : "string" },
      ])),
    },
  });
  return {
    words: tokens.flatMap((token) =>
      token.kind === "positional" ? [token.value] : []
    ),
    flags: tokens.flatMap((token) => {
      if (token.kind !== "option") return [];
      const { name, rawName, value, inlineValue } = token;
      return [
        value === undefined
          ? { name, rawName }
          : { name, rawName, value, inlineValue },
      ];
    }),
  };
}

/** Parts of command lines, with every kind of flag, and forms that no user means. */
const PARTS = [
  ...["serve", "", "a=b", "-", "--", "-h", "-hx", "-1", "--help", "--none"],
  ...["--port", "--port=1", "--port=", "--port=a=b", "--=", "--=x", "---"],
  ...["--forward-ports", "--forward-ports=false", "--no-forward-ports", "-p=1"],
  ...["--config", "--config=/a", "--root", "--uninstall", "--dry-run=1"],
];

test("a command line is split as by parseArgs of node:util", () => {
  const lines = PARTS.flatMap((one) => [
    [one],
    ...PARTS.flatMap((two) => [
      [one, two],
      ...PARTS.map((three) => [one, two, three]),
    ]),
  ]);
  for (const args of [[], ...lines]) {
    assert.deepEqual(
      readArguments(options, args),
      byNode(args),
      JSON.stringify(args),
    );
  }
});
