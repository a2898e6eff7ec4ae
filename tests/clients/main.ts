/**
 * Generates clients in Go and Python from /openapi.json of the binary, and lets each do a whole round
 * with it over TCP and a unix socket. `bun run tests/clients/main.ts`
 *
 * The generators come from Go's module proxy and PyPI into .tools/clients. Without Go, or without
 * Python, that client is skipped, which is said.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { TestAgent } from "../support/agent.ts";
import { type TestCase, writeJunit } from "../support/junit.ts";
import { installVenv } from "../support/venv.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url).href);
const TOOLS = join(ROOT, ".tools", "clients");
const OUT = join(ROOT, "dist", "clients");

const OAPI_CODEGEN =
  "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2";
const REQUIREMENTS = join(ROOT, "tests/clients/python/requirements.txt");
/** Where `make summary` counts what ran. */
const JUNIT = join(ROOT, "dist", "junit", "clients.xml");

/** Runs a program to its end; throws if it fails. Not in sync: the agent's log has to be read. */
async function run(
  cwd: string,
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    ...{ cwd, stdio: "inherit" },
    env: { ...process.env, NO_PROXY: "127.0.0.1", ...env },
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`Cannot run ${command.join(" ")}: ${code}`);
}

/** Makes a client in Go; returns the command that does a round. */
async function makeGo(document: string): Promise<string[]> {
  const generator = join(TOOLS, "bin", "oapi-codegen");
  if (!existsSync(generator)) {
    await run(TOOLS, ["go", "install", OAPI_CODEGEN], {
      GOBIN: join(TOOLS, "bin"),
    });
  }
  const folder = join(OUT, "go");
  cpSync(join(ROOT, "tests/clients/go"), folder, { recursive: true });
  mkdirSync(join(folder, "lull"));
  await run(folder, [
    ...[generator, "-generate=types,client", "-package=lull"],
    ...["-o=lull/lull.gen.go", document],
  ]);
  await run(folder, ["go", "build", "-o=round", "."]);
  return [join(folder, "round")];
}

/** Makes a client in Python; returns the command that does a round. */
async function makePython(document: string): Promise<string[]> {
  const venv = join(TOOLS, "venv");
  const bin = (name: string) => join(venv, "bin", name);
  const why = installVenv(venv, REQUIREMENTS);
  if (why !== undefined) throw new Error(`Cannot make a client: ${why}`);
  const folder = join(OUT, "python");
  // It warns that it leaves out the text of /metrics, which is no JSON.
  await run(OUT, [
    ...[bin("openapi-python-client"), "generate"],
    ...[`--path=${document}`, `--output-path=${folder}`],
  ]);
  cpSync(join(ROOT, "tests/clients/python/round.py"), join(folder, "round.py"));
  return [bin("python"), join(folder, "round.py")];
}

const CLIENTS = { go: makeGo, python3: makePython };

const directory = mkdtempSync(join(tmpdir(), "lull-clients-"));
try {
  rmSync(JUNIT, { force: true });
  mkdirSync(TOOLS, { recursive: true });
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  const socket = join(directory, "lull.sock");
  await using agent = await TestAgent.start("binary", [
    `--listen=127.0.0.1:0,unix:${socket}`,
    "--no-reset-connections",
  ]);
  const document = join(OUT, "openapi.json");
  writeFileSync(document, (await agent.ask("GET", "/openapi.json")).body);
  const cases: TestCase[] = [];
  for (const [program, make] of Object.entries(CLIENTS)) {
    if (Bun.which(program) === null) {
      const skipped = `there is no ${program}`;
      console.log(`client-test: skipped: ${skipped}`);
      cases.push({ name: `client of ${program}`, skipped });
      continue;
    }
    const round = await make(document);
    for (const url of [`http://127.0.0.1:${agent.port}`, `unix:${socket}`]) {
      console.log(`client-test: ${program} over ${url}`);
      await run(OUT, [...round, url]);
      cases.push({ name: `client of ${program} over ${url.split(":")[0]}` });
    }
  }
  writeJunit(JUNIT, "clients", cases);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
