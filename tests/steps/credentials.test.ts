import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { credentialSteps } from "../../src/steps/credentials.ts";
import { stepContext } from "../support/hooks.ts";
import {
  inMountNamespace,
  mountNamespaceProblem,
} from "../support/mount_namespace.ts";
import { repairWith } from "../support/recovery.ts";

const script = new URL(
  "../support/namespace/credentials.ts",
  import.meta.url,
);

describe("the credentials of a fork", () => {
  test("nothing is loaded or done without them", async () => {
    const directory = "/nowhere/credentials";
    const steps = credentialSteps({ libc: {}, directory, zeroBytes: 0 });
    assert.deepEqual(await repairWith(steps.repair, {}), {
      skipped: "no credentials were given",
    });
    assert.deepEqual(steps.wipe.quiesce(stepContext()), {
      skipped: "there are no credentials",
    });
    assert.deepEqual(steps.wipeMemory.quiesce(stepContext()), {
      skipped: "there were no credentials",
    });
  });

  test(
    "the memory of files is overwritten, also by the agent after a killed one",
    {
      skip: mountNamespaceProblem(),
      timeout: 60_000,
    },
    () => {
      // deno-lint-ignore no-explicit-any
      const result = inMountNamespace<any>(script);
      assert.deepEqual(result.replaced, {
        seen: "\0".repeat("first".length),
        now: "second",
        mounts: ["ramfs"],
      });
      assert.match(result.failed.failure, /Cannot write a credential: EISDIR/);
      assert.deepEqual(result.failed.names, ["taken", "token"]);
      assert.deepEqual(result.nothing, {
        skipped: "there were no credentials",
      });
      assert.deepEqual(result.wiped, { effect: { files: 1 } });
      assert.equal(result.zeros, "second".length);
      assert.equal(result.memory.effect.overwritten.places, 0);
      assert.deepEqual(result.again, { skipped: "there are no credentials" });
      assert.deepEqual(result.mounts, []);
      assert.deepEqual(result.names, []);
      assert.equal(result.outside, "not a secret");
    },
  );
});

test("the bytes of a request are overwritten, also if they cannot be written", async () => {
  const data = new TextEncoder().encode("a secret of the fork");
  const { repair } = credentialSteps({
    libc: { mount: () => -1, errno: () => 1 },
    directory: "/proc/lull-credentials",
    zeroBytes: 0,
  });
  await assert.rejects(
    repairWith(repair, { credentials: new Map([["token", { data }]]) }),
  );
  assert.ok(data.every((byte) => byte === 0));
});
