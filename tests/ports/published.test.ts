import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";

/** Why this machine cannot, for `skip`; false if it can. */
function problem(): string | false {
  const reason = namespaceProblem();
  if (reason !== false) return reason;
  const { status } = spawnSync("unshare", [
    ...["-n", "nft", "add table ip nat"],
  ]);
  return status === 0 ? false : "needs nft";
}

test(
  "ports of a container are forwarded: by its proxy, and by rules of the packet filter",
  {
    skip: problem(),
    timeout: 60_000,
  },
  async () => {
    const script = new URL(
      "../support/namespace/published.ts",
      import.meta.url,
    );
    assert.deepEqual(await inNamespace(script), {
      8080: "container",
      8081: "container",
    });
  },
);
