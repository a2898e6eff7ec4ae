import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { inNamespace } from "../support/namespace/mod.ts";
import { apply, type Result, script, skip } from "./forks.ts";

describe("the files of a fork's names", () => {
  it("are written on the root filesystem only on request", {
    skip,
  }, async () => {
    const { after, below } = await apply({
      ...{ hostname: "fork-9", dns: ["10.0.7.53"], persist: true },
    });
    assert.equal(after.mounts, 0);
    assert.equal(below.hostname, "fork-9\n");
    assert.match(below["resolv.conf"]!, /^nameserver 10.0.7.53$/m);
    assert.match(below.hosts!, /fork-9$/m);
  });

  it("are mounted once, however often they change", { skip }, async () => {
    const identities = ["a", "b", "c"].map((hostname, i) => ({
      ...{ hostname, dns: [`10.0.7.${i}`] },
    }));
    const { before, after, below } = await inNamespace<Result>(script, {
      identities,
    });
    assert.equal(after.mounts, 3);
    assert.equal(after.files.hostname, "c\n");
    assert.match(after.files.hosts!, /10.0.2.15\tc.example.org c$/m);
    assert.match(after.files["resolv.conf"]!, /^nameserver 10.0.7.2$/m);
    assert.deepEqual(below, before.files);
    const persisted = await inNamespace<Result>(script, {
      identities: [...identities, { hostname: "d", persist: true }],
    });
    assert.equal(persisted.below.hostname, "d\n");
    // The name servers were not sent again.
    assert.equal(persisted.after.mounts, 1);
  });

  it("need a file on the root filesystem, or a link to memory", {
    skip,
  }, async () => {
    const missing = ["resolv.conf"];
    const dns = ["10.0.7.53"];
    const { error } = await apply({ dns }, { missing });
    assert.match(error!, /^Cannot set .*resolv.conf: there is no such file/);
    const linked = await apply({ dns }, { linked: true });
    assert.equal(linked.error, undefined);
    assert.equal(linked.after.mounts, 0);
    assert.equal(linked.after.files["resolv.conf"], "nameserver 10.0.7.53\n");
    const name = await apply({ hostname: "x" }, {
      missing: ["hosts", "hostname"],
    });
    assert.equal(name.after.hostname, "x");
    assert.deepEqual(name.applied?.interfaces[0].changed, ["hostname"]);
  });
});
