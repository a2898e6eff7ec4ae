import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { SCRATCH } from "../../src/identity/ssh_host_keys.ts";
import { script } from "../support/hooks.ts";
import { fileAt, makeHostKeys } from "../support/identity_tree.ts";
import { guest } from "./renewing.ts";

describe("the host keys of SSH, on the disk", () => {
  test("the types of keys that were there are made, and no others", async () => {
    const { root, renew } = guest();
    makeHostKeys(root, ["ed25519"]);
    const [{ keys }] = await renew(["ssh-host-keys"]);
    assert.match(
      (keys as Record<string, string>).ed25519,
      /^SHA256:[A-Za-z0-9+/]{43}$/,
    );
    assert.equal(fileAt(root, "/etc/ssh/ssh_host_rsa_key"), undefined);
  });

  test("keys that a killed agent made and put nowhere are removed", async () => {
    const { root, renew } = guest();
    makeHostKeys(root, ["ed25519"]);
    const scratch = join(`${root}-memory`, `${SCRATCH}former`);
    mkdirSync(scratch, { recursive: true });
    writeFileSync(join(scratch, "ssh_host_ed25519_key"), "a key");
    const [{ status, reason }] = await renew(["ssh-host-keys"]);
    assert.equal(status, "renewed", String(reason));
    assert.deepEqual(readdirSync(`${root}-memory`), []);
  });

  test("without ssh-keygen, the keys stay, and the reason says so", async () => {
    const { root, renew } = guest();
    const [former] = makeHostKeys(root, ["ed25519"]);
    const { PATH } = process.env;
    process.env.PATH = root;
    try {
      const items = await renew(["ssh-host-keys", "machine-id"]);
      assert.deepEqual(items.map(({ status }) => status), [
        ...["renewed", "failed"],
      ]);
      assert.equal(
        items[1].reason,
        "Cannot run ssh-keygen: it is not installed",
      );
    } finally {
      process.env.PATH = PATH;
    }
    assert.equal(
      fileAt(root, "/etc/ssh/ssh_host_ed25519_key.pub")?.text,
      former,
    );
  });

  test("a program that asks a question gets no answer, and fails at once", async () => {
    const { root, renew } = guest();
    makeHostKeys(root, ["ed25519"]);
    const programs = join(root, "programs");
    mkdirSync(programs);
    script(
      join(programs, "ssh-keygen"),
      "#!/bin/sh\nread answer && exit 0\necho 'no answer' >&2; exit 1\n",
    );
    const { PATH } = process.env;
    process.env.PATH = `${programs}:${PATH}`;
    try {
      const [{ reason }] = await renew(["ssh-host-keys"]);
      assert.equal(reason, "Cannot run ssh-keygen: no answer");
    } finally {
      process.env.PATH = PATH;
    }
  });
});
