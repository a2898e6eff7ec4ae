/**
 * The requirements of hosts, which an agent that is started after a kill must know.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RequirementFile } from "../../src/agent/requirements.ts";
import { temporary } from "../support/hooks.ts";
import {
  inMountNamespace,
  mountNamespaceProblem,
} from "../support/mount_namespace.ts";

const NONE = { entropy: false, identity: false };
const ALL = { entropy: true, identity: true };

test("the next agent knows what is required, until it is met", () => {
  const directory = temporary();
  try {
    const file = () =>
      new RequirementFile(directory.path, (error) => assert.fail(`${error}`));
    assert.deepEqual(file().read(), NONE);
    const required = { entropy: true, identity: false };
    file().keep(required);
    assert.deepEqual(file().read(), required);
    file().keep(NONE);
    assert.deepEqual(file().read(), NONE);
  } finally {
    directory.remove();
  }
});

test("the next agent requires everything if there was no room for the file", {
  skip: mountNamespaceProblem(),
}, () => {
  const script = new URL(
    "../support/namespace/full_requirements.ts",
    import.meta.url,
  );
  const { errors, read, met } = inMountNamespace<Record<string, unknown>>(
    script,
  );
  assert.equal(errors, 1);
  assert.deepEqual(read, ALL);
  assert.deepEqual(met, NONE);
});
