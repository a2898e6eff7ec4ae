import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { commands } from "../../src/config/commands.ts";
import { commandLines, options } from "../../src/release/commands.ts";
import {
  bashCompletion,
  fishCompletion,
  zshCompletion,
} from "../../src/release/completions.ts";
import { manual } from "../../src/release/manual.ts";
import { sbom } from "../../src/release/sbom.ts";
import { VERSION } from "../../src/version.ts";
import { temporary } from "../support/hooks.ts";
import { without } from "../vm/support/run.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);
const directory = temporary();
after(directory.remove);

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { PATH: process.env.PATH, HOME: directory.path, LC_ALL: "C.UTF-8" },
  });
  return { status, stdout, stderr };
}

function file(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  return path;
}

/** Every flag of the command line, also those of single commands. */
const flags = [
  ...new Set(commandLines.flatMap(({ flags }) => flags.map((one) => one.flag))),
];

describe("the manual page", () => {
  const page = file("lull.8", manual("2026-01-02"));

  test("has every command, flag, variable and default", () => {
    const text = readFileSync(page, "utf8").replaceAll("\\-", "-");
    assert.ok(text.startsWith(`.TH LULL 8 2026-01-02 "Lull ${VERSION}"`));
    for (const name of [...Object.keys(commands), ...flags]) {
      assert.ok(text.includes(name), name);
    }
    for (const { variable, type, description } of options) {
      assert.ok(text.includes(description), description);
      if (type !== "objects") assert.ok(text.includes(variable), variable);
    }
  });

  test("is formatted without a warning by man-db", {
    skip: without("man"),
  }, () => {
    const { status, stdout, stderr } = run("man", "--warnings", "-l", page);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /--lease VALUE\n +Seconds from the start/);
  });

  test("has no fault by mandoc", { skip: without("mandoc") }, () => {
    const { stdout } = run("mandoc", "-T", "lint", "-W", "warning", page);
    assert.equal(stdout, "");
  });
});

describe("the completions", () => {
  const bash = file("lull.bash", bashCompletion());
  const zsh = file("_lull", zshCompletion());
  const fish = file("lull.fish", fishCompletion());

  test("have every flag", () => {
    for (const path of [bash, zsh]) {
      const text = readFileSync(path, "utf8");
      for (const flag of flags) assert.ok(text.includes(flag), flag);
    }
    const text = readFileSync(fish, "utf8");
    for (const flag of flags) {
      assert.match(text, new RegExp(` -l ${flag.slice(2)} `));
    }
  });

  test("of bash complete commands, flags and values", () => {
    assert.deepEqual(run("bash", "-n", bash).stderr, "");
    const complete = (...words: string[]) =>
      run(
        "bash",
        "-c",
        `source "$0"; COMP_WORDS=(lull "$@"); COMP_CWORD=$#; _lull; printf '%s\\n' "\${COMPREPLY[@]}"`,
        bash,
        ...words,
      ).stdout.trim().split("\n");
    assert.deepEqual(complete("do"), ["doctor"]);
    assert.deepEqual(complete("--page-out", "=", "un"), ["unneeded"]);
    assert.deepEqual(complete("--page-out", "="), [
      ...["never", "start", "unneeded", "settle"],
    ]);
    assert.deepEqual(complete("install", "--un"), ["--uninstall"]);
    assert.deepEqual(complete("--un"), [""]);
    assert.deepEqual(complete("install", "--root", "/us"), ["/usr"]);
    assert.ok(complete("doctor", "--").includes("--json"));
  });

  test("of zsh are correct", { skip: without("zsh") }, () => {
    assert.deepEqual(run("zsh", "-n", zsh), {
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("of fish complete commands, flags and values", {
    skip: without("fish"),
  }, () => {
    assert.equal(run("fish", "-n", fish).stderr, "");
    const complete = (line: string) =>
      run("fish", "--no-config", "-c", `source ${fish}; complete -C '${line}'`)
        .stdout.trim().split("\n").map((one) => one.split("\t")[0]);
    assert.deepEqual(complete("lull do"), ["doctor"]);
    assert.deepEqual(complete("lull --page-out="), [
      "--page-out=never",
      "--page-out=settle",
      "--page-out=start",
      "--page-out=unneeded",
    ]);
    assert.deepEqual(complete("lull install --un"), ["--uninstall"]);
    assert.deepEqual(complete("lull --un"), [""]);
  });
});

describe("the software bill of materials", () => {
  const lock = readFileSync(join(ROOT, "deno.lock"), "utf8");
  const checksums = readFileSync(join(ROOT, "src/release/bun.sha512"), "utf8");
  const bom = sbom(lock, checksums, "2026-01-02T03:04:05.000Z");
  const required = bom.components.filter(({ scope }) => scope === "required");

  test("requires exactly the packages that src imports, and the runtimes", () => {
    const imported = new Set<string>();
    for (
      const name of readdirSync(join(ROOT, "src"), {
        recursive: true,
        encoding: "utf8",
      })
    ) {
      if (!name.endsWith(".ts")) continue;
      const text = readFileSync(join(ROOT, "src", name), "utf8");
      for (
        const [, path] of text.matchAll(
          /\bfrom "((?:@[^"/]+\/)?[^"./:@][^"/:]*)(?:\/[^"]*)?";/g,
        )
      ) {
        if (path !== "@std/log") imported.add(path);
      }
    }
    const names = required.map(({ group, name }) =>
      group === undefined ? name : `${group}/${name}`
    );
    const runtimes = names.filter((name) => name.startsWith("@oven/"));
    assert.equal(runtimes.length, 4);
    assert.deepEqual(
      names.filter((name) => !runtimes.includes(name)).sort(),
      [...imported].sort(),
    );
  });

  test("has each package of the lock file, with its version and hash", () => {
    const { npm } = JSON.parse(lock);
    assert.equal(bom.components.length, Object.keys(npm).length + 4);
    const hono = bom.components.find(({ name }) => name === "hono")!;
    const [id, { integrity }] = Object.entries<{ integrity: string }>(npm)
      .find(([id]) => id.startsWith("hono@"))!;
    assert.equal(hono.purl, `pkg:npm/${id}`);
    const hash = atob(integrity.replace("sha512-", ""));
    assert.equal(
      hono.hashes[0].content,
      [...hash].map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0"))
        .join(""),
    );
    assert.equal(bom.metadata.component.version, VERSION);
    const refs = bom.components.map((one) => one["bom-ref"]);
    assert.equal(new Set(refs).size, refs.length);
    for (const ref of bom.dependencies[0].dependsOn) {
      assert.ok(refs.includes(ref), ref);
    }
  });

  test("needs a committed checksum of each runtime", () => {
    assert.throws(() => sbom(lock, "", ""), {
      message: "Cannot describe bun-linux-x64: it has no committed checksum",
    });
  });
});
