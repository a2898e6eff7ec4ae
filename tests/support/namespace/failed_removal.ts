/**
 * A fork whose former address cannot be removed, because its interface has another name for a while.
 * It gets another identity, and its agent is killed. Runs in a namespace of its own: see mod.ts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finishIdentity, ForkNetwork } from "../../../src/network/fork.ts";
import { fakeJournal } from "../hooks.ts";
import { realLibc } from "../libc.ts";
import { ip, ipLines } from "./ip.ts";

const FORMER = "10.0.2.15";
const directory = mkdtempSync(join(tmpdir(), "lull-removal-"));
ip("link add eth0 type veth peer name host0");
ip("link set eth0 up");
ip(`addr add ${FORMER}/24 dev eth0`);

const journal = fakeJournal();
const errors: string[] = [];
const libc = await realLibc();
const options = { libc, directory, etc: directory, forwardAddresses: [] };
let finish = () => Promise.resolve();
let replied = () => {};
const fork = new ForkNetwork({
  ...options,
  journal,
  later: (work) => void (finish = work),
  onDone() {},
  onError: (error) => errors.push(String(error)),
});
await fork.apply({ interface: "eth0", address: "10.0.2.21/24" }, {
  localAddress: FORMER,
  afterLastReply: (action) => void (replied = action),
});
replied();
ip("link set eth0 down");
ip("link set eth0 name eth9");
await finish();
ip("link set eth9 name eth0");
ip("link set eth0 up");
const kept = journal.written.has("network");
await fork.apply({ interface: "eth0", address: "10.0.2.31/24" }, undefined);
const change = journal.written.get("network");
if (change !== undefined) await finishIdentity(options, change);
const addresses = ipLines("-o -4 addr show dev eth0")
  .map((line) => line.split(/\s+/)[3]);
rmSync(directory, { recursive: true });
console.log(JSON.stringify({ addresses, errors, kept }));
