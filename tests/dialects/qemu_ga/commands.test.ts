import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { COMMANDS } from "../../../src/dialects/qemu_ga/commands.ts";
import { execute } from "../../../src/dialects/qemu_ga/execute.ts";
import {
  osFields,
  users,
  usersIn,
} from "../../../src/dialects/qemu_ga/facts.ts";
import { portDevice } from "../../../src/linux/virtio_port.ts";
import { shutDown } from "../../../src/dialects/qemu_ga/shutdown.ts";
import { wallClock } from "../../../src/linux/clock.ts";
import { loadLibc } from "../../../src/linux/libc.ts";
import { loadRuntime } from "../../../src/runtime/mod.ts";
import { script, temporary } from "../../support/hooks.ts";
import { fakeGuest, SessionRig } from "./session_rig.ts";

const libc = loadLibc(await loadRuntime());
const rig = () => new SessionRig(fakeGuest({ libc }));

describe("the commands", () => {
  test("are those of the design, and those that KubeVirt needs", () => {
    assert.deepEqual(Object.keys(COMMANDS), [
      "guest-sync",
      "guest-sync-delimited",
      "guest-ping",
      "guest-info",
      "guest-fsfreeze-status",
      "guest-fsfreeze-freeze",
      "guest-fsfreeze-freeze-list",
      "guest-fsfreeze-thaw",
      "guest-fstrim",
      "guest-get-time",
      "guest-set-time",
      "guest-get-osinfo",
      "guest-get-host-name",
      "guest-get-timezone",
      "guest-get-users",
      "guest-get-fsinfo",
      "guest-network-get-interfaces",
      "guest-shutdown",
    ]);
  });

  test("guest-info lists them truthfully", async () => {
    const { supported_commands: all } = await rig().call("guest-info") as {
      supported_commands: Record<string, unknown>[];
    };
    assert.deepEqual(
      all,
      Object.keys(COMMANDS).map((name) => ({
        ...{ name, enabled: true },
        "success-response": name !== "guest-shutdown",
      })),
    );
  });

  test("guest-get-time is the wall clock in nanoseconds", async () => {
    const before = wallClock(libc);
    const ms = Number(await rig().call("guest-get-time")) / 1e6;
    assert.ok(ms >= before - 1 && ms <= wallClock(libc) + 1, `${ms} ${before}`);
  });

  test("guest-set-time sets it, and the hardware clock if there is one", async () => {
    const set: number[][] = [];
    const times: bigint[] = [];
    const guest = fakeGuest({
      libc: {
        clock_settime(_, bytes) {
          const [seconds, nanoseconds] = new BigInt64Array(bytes!.buffer);
          times.push(seconds * 1_000_000_000n + nanoseconds);
          return 0;
        },
        ioctl(_, request, bytes) {
          assert.equal(request, 0x4024700An);
          set.push([...new Int32Array(bytes!.buffer)]);
          return 0;
        },
      },
    });
    const text = await new SessionRig(guest).bytes(
      '{"execute":"guest-set-time","arguments":{"time":1795926818880857000}}\n',
    );
    assert.equal(text, '{"return":{}}\n');
    const [time] = times;
    assert.ok(Math.abs(Number(time - 1795926818880857000n)) < 1000, `${time}`);
    for (const clock of set) {
      assert.deepEqual(clock, [38, 13, 2, 29, 10, 126, 0, 0, 0]);
    }
  });

  test("guest-get-host-name and guest-get-osinfo", async () => {
    assert.deepEqual(await rig().call("guest-get-host-name"), {
      "host-name": hostname(),
    });
    const system = await rig().call("guest-get-osinfo") as Record<
      string,
      string
    >;
    assert.equal(typeof system["kernel-release"], "string");
    assert.match(system.machine, /^(x86_64|aarch64)$/);
  });

  test("os-release is read as a shell reads it", () => {
    assert.deepEqual(
      osFields(
        `ID=debian\nNAME='A "b"'\nVERSION="12 \\"x\\""\n# ID=no\nHOME_URL="x"\n`,
      ),
      { id: "debian", name: 'A "b"', version: '12 "x"' },
    );
  });

  test("guest-network-get-interfaces has loopback with addresses and counters", async () => {
    const all = await rig().call("guest-network-get-interfaces") as {
      name: string;
      "ip-addresses"?: Record<string, unknown>[];
      statistics: Record<string, number>;
    }[];
    const lo = all.find(({ name }) => name === "lo")!;
    assert.deepEqual(lo["ip-addresses"]![0], {
      "ip-address": "127.0.0.1",
      "ip-address-type": "ipv4",
      prefix: 8,
    });
    assert.deepEqual(Object.keys(lo.statistics).sort(), [
      ...["rx-bytes", "rx-dropped", "rx-errs", "rx-packets"],
      ...["tx-bytes", "tx-dropped", "tx-errs", "tx-packets"],
    ]);
    assert.ok(lo.statistics["rx-bytes"] > 0);
  });

  test("guest-get-fsinfo has the filesystems on disks", async () => {
    const all = await rig().call("guest-get-fsinfo") as Record<
      string,
      unknown
    >[];
    for (const one of all) {
      assert.deepEqual(one.disk, []);
      assert.match(String(one.mountpoint), /^\//);
      assert.notEqual(one.type, "tmpfs");
      if (one["total-bytes"] !== undefined) {
        assert.ok(Number(one["used-bytes"]) <= Number(one["total-bytes"]));
      }
    }
  });

  test("guest-get-timezone has the seconds east of UTC", async () => {
    const { offset } = await rig().call("guest-get-timezone") as {
      offset: number;
    };
    assert.equal(offset, 0 - 60 * new Date().getTimezoneOffset());
  });
});

describe("utmp", () => {
  /** One entry of struct utmp as glibc on x86-64 writes it. */
  function entry(type: number, user: string, seconds: number): Uint8Array {
    const bytes = new Uint8Array(384);
    const view = new DataView(bytes.buffer);
    view.setInt16(0, type, true);
    bytes.set(new TextEncoder().encode(user), 44);
    view.setInt32(340, seconds, true);
    view.setInt32(344, 500_000, true);
    return bytes;
  }

  test("has each user once, with the first login", () => {
    const entries = [
      ...[entry(2, "reboot", 1), entry(7, "ann", 20), entry(7, "ann", 10)],
      ...[entry(7, "bob", 30), entry(8, "gone", 5)],
    ];
    const bytes = new Uint8Array(entries.flatMap((bytes) => [...bytes]));
    assert.deepEqual(usersIn(bytes, true), [
      { user: "ann", "login-time": 10.5 },
      { user: "bob", "login-time": 30.5 },
    ]);
  });

  test("a guest without the file has no users", () => {
    assert.deepEqual(users("/missing"), []);
  });
});

describe("guest-shutdown", () => {
  /** The program and arguments that a mode runs. */
  async function ran(mode: string, there: string[]): Promise<unknown> {
    let calls: unknown;
    await shutDown(
      (...call) => {
        calls = call;
        return Promise.resolve();
      },
      mode,
      (path) => there.includes(path),
    );
    return calls;
  }
  const why = "hypervisor initiated shutdown";

  test("uses shutdown(8), or the program of a small guest", async () => {
    const all = ["/sbin/shutdown", "/sbin/poweroff", "/sbin/reboot"];
    assert.deepEqual(await ran("powerdown", all), [all[0], ["-P", "+0", why]]);
    assert.deepEqual(await ran("reboot", all), [all[0], ["-r", "+0", why]]);
    assert.deepEqual(await ran("halt", all), [all[0], ["-H", "+0", why]]);
    assert.deepEqual(await ran("reboot", all.slice(1)), [all[2], []]);
    await assert.rejects(
      ran("halt", all.slice(1)),
      /Cannot end the guest: there is neither \/sbin\/shutdown nor \/sbin\/halt/,
    );
  });

  test("has no reply if it succeeds, and the program's words if it fails", async () => {
    const directory = temporary();
    try {
      const bad = script(
        join(directory.path, "bad"),
        "#!/bin/sh\necho no rights >&2\nexit 1\n",
      );
      await assert.rejects(
        execute(bad, []),
        /Cannot run \S+\/bad: no rights$/,
      );
      await assert.rejects(execute("/missing", []), /\/missing: ENOENT$/);
      const good = script(join(directory.path, "good"), "#!/bin/sh\n");
      await execute(good, []);
    } finally {
      directory.remove();
    }
  });
});

test("a port without udev's link is found by its name", () => {
  const directory = temporary();
  try {
    script(join(directory.path, "file"), "");
    assert.equal(
      portDevice("/dev/virtio-ports/org.x", join(directory.path, "none")),
      "/dev/virtio-ports/org.x",
    );
    assert.equal(portDevice("/tmp/x", directory.path), "/tmp/x");
    const ports = temporary();
    try {
      writePort(ports.path, "vport1p1", "org.other");
      writePort(ports.path, "vport2p3", "org.x");
      assert.equal(
        portDevice("/dev/virtio-ports/org.x", ports.path),
        "/dev/vport2p3",
      );
    } finally {
      ports.remove();
    }
  } finally {
    directory.remove();
  }
});

function writePort(ports: string, device: string, name: string): void {
  mkdirSync(join(ports, device));
  writeFileSync(join(ports, device, "name"), `${name}\n`);
}
