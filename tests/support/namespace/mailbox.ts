/**
 * An agent with a mailbox, in a network of its own with an interface eth0 and, at the address of
 * MMDS, a stand-in for it. The argument names the kind of mailbox.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { PrepareReportDocument } from "../../../src/http/routes/documents.ts";
import { runtimeName } from "../../../src/runtime/mod.ts";
import { TestAgent } from "../agent.ts";
import { FakeMmds } from "../fake_mmds.ts";

/** What a round of prepare and health check led to. */
export interface Round {
  readonly prepare: { readonly status: string; readonly effect?: unknown };
  // deno-lint-ignore no-explicit-any
  readonly recovery: any;
  readonly hostname: string;
  readonly addresses: string[];
  /** The file of the fork's variables, and that of its secret; empty if there is none. */
  readonly env: string;
  readonly secret: string;
}

const { kind }: { kind: "file" | "mmds" } = JSON.parse(process.argv[2]);

const ip = (...words: string[]) =>
  execFileSync("ip", words, { encoding: "utf8" });
ip("link", "set", "lo", "up");
ip("link", "add", "eth0", "type", "veth", "peer", "name", "host0");
ip("link", "set", "host0", "up");
ip("address", "add", "10.0.2.15/24", "dev", "eth0");
ip("link", "set", "eth0", "up");
execFileSync("hostname", ["template"]);

const directory = mkdtempSync(join(tmpdir(), "lull-mailbox-"));
const path = join(directory, "mailbox");
writeFileSync(path, "");
let mmds: FakeMmds | undefined;
if (kind === "mmds") {
  ip("address", "add", "169.254.169.254/32", "dev", "lo");
  mmds = await FakeMmds.start(80, "169.254.169.254");
}

/** Changes the content, as the host does while the machine is in a snapshot file. */
function put(content: unknown): void {
  if (mmds !== undefined) mmds.content = { lull: content };
  else writeFileSync(path, `${JSON.stringify(content)}\n\0\0\0`);
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

async function round(agent: TestAgent, content?: unknown): Promise<Round> {
  const prepared = (await agent.settle()).json<PrepareReportDocument>();
  const prepare = prepared.steps
    .find(({ name }) => name === "mailbox")!;
  if (content !== undefined) put(content);
  await agent.health();
  const { lastRecovery: recovery } = await agent.status();
  const shown = ip("-4", "-o", "address", "show", "dev", "eth0");
  return {
    ...{ prepare, recovery },
    env: textOf(`${agent.directory}/env`),
    secret: textOf(
      `/proc/${agent.pid}/root${agent.directory}/credentials/token`,
    ),
    hostname: readFileSync("/proc/sys/kernel/hostname", "utf8").trim(),
    addresses: [...shown.matchAll(/inet (\S+)/g)].map(([, address]) => address),
  };
}

const identity = (n: number) => ({
  interface: "eth0",
  address: `10.0.2.${20 + n}/24`,
  hostname: `fork-${n}`,
});
const agent = await TestAgent.start(
  runtimeName(),
  [
    `--mailbox=${kind === "file" ? path : "mmds"}`,
    // The agent mounts a filesystem for the secrets.
  ],
  {},
  ["unshare", "--mount"],
);
try {
  const rounds = [
    await round(agent), // nothing in it, neither before nor after
    await round(agent, {
      ...{ network: identity(1), outcome: "restored" },
      entropy: btoa("0123456789abcdef0123456789abcdef"),
      env: { FORK: "one" },
      credentials: { token: { data: btoa("fork-1's own") } },
      hostTime: Date.now() + 1000,
    }),
    await round(agent), // the content of the last round is still there
    await round(agent, { network: { hostname: "not a name" } }),
    await round(agent, { network: identity(2) }),
  ];
  console.log(JSON.stringify(rounds));
} finally {
  await agent.stop();
  mmds?.stop();
  rmSync(directory, { recursive: true });
}
