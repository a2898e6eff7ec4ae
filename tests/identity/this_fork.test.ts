import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { test } from "node:test";
import { identityOf } from "../../src/identity/this_fork.ts";

test("the identity of a fork has what differs between forks", () => {
  const { addresses, ...identity } = identityOf({ generation: 3 });
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
  assert.equal(identity.generation, 3);
  assert.equal(identity.hostname, hostname());
  assert.equal(identity.bootId, bootId.trim());
  if (identity.machineId !== undefined) {
    assert.match(identity.machineId, /^[0-9a-f]{32}$/);
  }
  for (const { interface: name, address } of addresses) {
    assert.notEqual(name, "lo");
    assert.match(address, /^[0-9a-f.:]+\/\d+$/);
  }
});
