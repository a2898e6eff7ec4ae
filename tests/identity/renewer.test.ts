import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { RENEWABLE } from "../../src/lifecycle/request.ts";
import {
  fileAt,
  FILES,
  MACHINE_ID,
  makeHostKeys,
} from "../support/identity_tree.ts";
import { guest, statusOf } from "./renewing.ts";

/** All of them but the id of the boot, whose file is always mounted over. */
const ON_DISK = RENEWABLE.filter((item) => item !== "boot-id");

describe("the items of a machine's identity, on the disk", () => {
  test("each gets a new value, in its own form and with its permissions", {
    timeout: 60_000,
  }, async () => {
    const { root, renew } = guest();
    const former = makeHostKeys(root, ["ed25519", "ecdsa"]);
    // Making an RSA key takes long: this one is never read.
    const rsa = join(root, "/etc/ssh/ssh_host_rsa_key");
    writeFileSync(rsa, "former", { mode: 0o600 });
    writeFileSync(`${rsa}.pub`, "former");
    former.push("former");
    const items = await renew(ON_DISK);
    assert.deepEqual(
      statusOf(items),
      Object.fromEntries(ON_DISK.map((item) => [item, "renewed"])),
      JSON.stringify(items),
    );
    const id = fileAt(root, "/etc/machine-id")!;
    assert.match(id.text, /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}\n$/);
    assert.equal(id.mode, "444");
    assert.equal(fileAt(root, "/var/lib/dbus/machine-id")?.text, id.text);
    const seed = fileAt(root, "/var/lib/systemd/random-seed")!;
    assert.equal(seed.text.length, 512);
    assert.equal(seed.mode, "600");
    assert.ok(new Set(seed.text).size > 100, "it is not random");
    const duid = id.text.trim().replace(/..(?=.)/g, "$&:");
    assert.equal(
      fileAt(root, "/var/lib/dhcpcd/duid")?.text,
      `00:04:${duid}\n`,
    );
    const octal = [0, 4, ...Uint8Array.fromHex(id.text.trim())]
      .map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
    assert.equal(
      fileAt(root, "/var/lib/dhcp/dhclient6.eth0.leases")?.text,
      `default-duid "${octal}";\nlease6 { }\n`,
    );
    const instance = fileAt(root, "/var/lib/cloud/data/instance-id")!.text;
    assert.match(instance, /^i-[0-9a-f-]{36}\n$/);
    assert.equal(
      fileAt(root, "/var/lib/cloud/data/previous-instance-id")?.text,
      "i-0abc\n",
    );
    assert.equal(fileAt(root, "/run/cloud-init/.instance-id")?.text, instance);
    const data = JSON.parse(
      fileAt(root, "/run/cloud-init/instance-data.json")!.text,
    );
    assert.equal(`${data.v1.instance_id}\n`, instance);
    assert.equal(`${data.ds["instance-id"]}\n`, instance);

    const keys = items.find(({ item }) => item === "ssh-host-keys")!.keys;
    assert.deepEqual(Object.keys(keys as object), ["ed25519", "ecdsa", "rsa"]);
    for (const [i, type] of ["ed25519", "ecdsa", "rsa"].entries()) {
      const name = `/etc/ssh/ssh_host_${type}_key`;
      assert.equal(fileAt(root, name)?.mode, "600");
      assert.notEqual(fileAt(root, `${name}.pub`)?.text, former[i]);
    }
    assert.deepEqual(readdirSync(`${root}-memory`), [], "keys are left over");
  });

  test("what the guest does not have is absent, and is not made", async () => {
    const { root, renew } = guest();
    for (const path of ["etc", "var", "run"]) {
      rmSync(join(root, path), { recursive: true });
    }
    const items = await renew(ON_DISK);
    for (const { item, status, reason } of items) {
      assert.equal(status, "absent", item);
      assert.ok(reason, item);
    }
    assert.equal(fileAt(root, "/etc"), undefined);
  });

  test("an id that was never set is not set", async () => {
    const { root, renew } = guest();
    rmSync(join(root, "/etc/machine-id"));
    mkdirSync(join(root, "/etc"), { recursive: true });
    assert.equal((await renew(["machine-id"]))[0].status, "absent");
  });

  test("a D-Bus id of its own follows the machine-id, or is new on its own", async () => {
    const file = "/var/lib/dbus/machine-id";
    const both = guest("file");
    await both.renew(["dbus-id", "machine-id"]);
    assert.equal(
      fileAt(both.root, file)?.text,
      fileAt(both.root, "/etc/machine-id")?.text,
    );
    const alone = guest("file");
    assert.equal((await alone.renew(["dbus-id"]))[0].status, "renewed");
    assert.match(fileAt(alone.root, file)!.text, /^[0-9a-f]{32}\n$/);
    assert.notEqual(fileAt(alone.root, file)!.text, `${MACHINE_ID}\n`);
    const link = guest();
    const [item] = await link.renew(["dbus-id"]);
    assert.equal(item.status, "absent");
    assert.match(item.reason!, /renew machine-id/);
  });

  test("an item is renewed once in a generation, and one that failed is tried again", async () => {
    const { root, renew } = guest();
    makeHostKeys(root, ["ed25519"]);
    // A directory in the place of the file cannot be read as one.
    const file = join(root, "/var/lib/cloud/data/instance-id");
    rmSync(file);
    mkdirSync(file);
    const first = await renew(["machine-id", "cloud-init"]);
    assert.deepEqual(statusOf(first), {
      "machine-id": "renewed",
      "cloud-init": "failed",
    });
    assert.match(first[1].reason!, /EISDIR/);
    const id = fileAt(root, "/etc/machine-id")!.text;
    rmSync(file, { recursive: true });
    const second = await renew(["machine-id", "cloud-init", "ssh-host-keys"]);
    assert.deepEqual(statusOf(second), {
      "machine-id": "renewed",
      "ssh-host-keys": "renewed",
      "cloud-init": "absent",
    });
    assert.equal(fileAt(root, "/etc/machine-id")!.text, id);
    await renew(["machine-id"], 2);
    assert.notEqual(fileAt(root, "/etc/machine-id")!.text, id);
  });

  test("at its limit, an item fails, its program ends, and its files stay", async () => {
    const { root, renew } = guest();
    const [former] = makeHostKeys(root, ["ed25519"]);
    const items = await renew(
      ["ssh-host-keys", "machine-id"],
      1,
      AbortSignal.abort(),
    );
    assert.deepEqual(statusOf(items), {
      "machine-id": "failed",
      "ssh-host-keys": "failed",
    });
    assert.equal(
      fileAt(root, "/etc/machine-id")?.text,
      FILES["/etc/machine-id"],
    );
    assert.equal(
      fileAt(root, "/etc/ssh/ssh_host_ed25519_key.pub")?.text,
      former,
    );
  });
});
