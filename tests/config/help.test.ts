import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { commands } from "../../src/config/commands.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { defaults, files } from "./parsing.ts";

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

describe("--help of one command", () => {
  const help = (...args: string[]) => {
    const parsed = parseConfig([...args, "--help"], {}, files());
    return (parsed as Extract<typeof parsed, { kind: "help" }>).text;
  };

  test("has its flags, and no other command's and no options", () => {
    const text = help("prepare");
    assert.match(text, /^Quiesce the guest/);
    assert.match(text, /\nUsage: lull prepare --url ADDRESS \[flags\]\n/);
    assert.match(text, /\n {2}--kind KIND\n {6}Kind of snapshot/);
    assert.match(text, /\n {2}--token FILE\n/);
    assert.match(text, /Exit codes: 0 done/);
    assert.doesNotMatch(text, /--renew|--page-out|undefined/);
    assert.match(text, /lull --help/);
  });

  test("says that doctor and ready take the options of the agent, too", () => {
    for (const name of ["doctor", "ready"]) {
      const text = help(name);
      assert.match(text, /\nUsage: lull \w+ \[flags\] \[options\]\n/);
      assert.match(text, /options of the agent/);
      assert.match(text, /Exit codes: 0/);
    }
    assert.match(help("install"), /\nUsage: lull install --root DIR \[flags\]/);
  });

  test("is the whole page for the agent, and for a word that is no command", () => {
    for (const args of [["serve"], ["bake"], []]) {
      assert.match(help(...args), /\n {2}--page-out VALUE\n/);
    }
  });

  test("has lines of at most 80 characters", () => {
    for (const name of Object.keys(commands)) {
      for (const line of help(name).split("\n")) {
        assert.ok(line.length <= 80, line);
      }
    }
  });
});
