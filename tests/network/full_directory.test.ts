/**
 * Names of a fork that cannot be written: the guest keeps those that it had.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  inMountNamespace,
  mountNamespaceProblem,
} from "../support/mount_namespace.ts";

const script = new URL("../support/namespace/full_etc.ts", import.meta.url);
const skip = mountNamespaceProblem();

interface Result {
  readonly before: string;
  readonly error: string;
  readonly failed: string;
  readonly second: string;
  readonly undone: string;
}

describe("a file of names that cannot be written", () => {
  for (const persist of [false, true]) {
    const where = persist ? "the root filesystem" : "a full tmpfs";
    it(`keeps its text, on ${where}`, { skip }, () => {
      const { error, ...texts } = inMountNamespace<Result>(script, { persist });
      assert.match(
        error,
        persist ? /EISDIR|Is a directory/ : /ENOSPC|No space/,
      );
      assert.deepEqual(texts, {
        ...{ before: "first\n", failed: "first\n" },
        ...{ second: "second\n", undone: "first\n" },
      });
    });
  }
});
