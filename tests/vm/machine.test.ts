import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../support/until.ts";
import { LIMIT } from "./support/agent.ts";
import { bootUp } from "./support/boot.ts";
import { Fleet, say } from "./support/fleet.ts";
import { forksNoticed, uptime, wallClock } from "./support/guest.ts";
import { buildImage } from "./support/image.ts";
import { runDir } from "./support/qemu.ts";

/** Whether a process runs; one that only waits to be reaped does not. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // No such process.
    return false;
  }
}

describe("the driver of the machines", () => {
  const fleet = new Fleet("none");

  fleet.test("runs commands in the guest and tells code and both outputs", async () => {
    const machine = await fleet.copy();
    const result = await machine.exec("echo out; echo err >&2; exit 3");
    assert.deepEqual(result, { code: 3, stdout: "out\n", stderr: "err\n" });
    await assert.rejects(machine.sh("echo why >&2; false"), /why/);
    const bytes = await machine.sh("head -c 300000 /dev/zero | tr '\\0' x");
    assert.equal(bytes.length, 300_000);
    await fleet.kill(machine);
  });

  fleet.test("gives the guest what the design says", async () => {
    const machine = await fleet.copy();
    const sh = (script: string) => machine.sh(script);
    assert.match(await sh("uname -r"), /^6\.(1[2-9]|[2-9]\d)\..*cloud-amd64$/);
    assert.match(await sh("ip address show"), /inet 169\.254\.0\.21\/32/);
    assert.equal(await sh("stat -fc %T /sys/fs/cgroup"), "UNKNOWN");
    await sh("test -f /sys/fs/cgroup/cgroup.controllers");
    await sh("touch /run/a /tmp/a /data/a /etc/a");
    await sh("fsfreeze --freeze /data && fsfreeze --unfreeze /data");
    assert.equal(await sh("nproc"), "2");
    await fleet.kill(machine);
  });

  fleet.test("makes three forks of one snapshot at once, each its own", async () => {
    const source = await fleet.copy();
    await source.sh("echo before >/tmp/mark; echo data >/data/mark; sync");
    const lateBefore = Date.now() - await wallClock(source);
    const frozen = performance.now();
    const snapshot = await fleet.snapshot(source, "source");
    const forks = await Promise.all(
      [1, 2, 3].map(() => fleet.restore(snapshot)),
    );
    for (const fork of forks) {
      say(`fork: restored in ${Math.round(fork.restoreMs)} ms`);
      await fork.cont();
    }
    const ids = await Promise.all(forks.map(async (fork, number) => {
      assert.equal(await fork.sh("cat /tmp/mark /data/mark"), "before\ndata");
      await fork.sh(`echo ${number} >/tmp/mark; echo ${number} >/data/mark`);
      await until(
        "the kernel to notice, once",
        async () => await forksNoticed(fork) === 1,
        LIMIT,
      );
      return await fork.sh("cat /proc/sys/kernel/random/uuid");
    }));
    assert.equal(new Set(ids).size, 3, ids.join(" "));
    for (const [number, fork] of forks.entries()) {
      const marks = await fork.sh("cat /tmp/mark /data/mark");
      assert.equal(marks, `${number}\n${number}`);
    }
    // The wall clock is late by the time that the snapshot lay in its file.
    const late = Date.now() - await wallClock(forks[0]) - lateBefore;
    const lay = performance.now() - frozen;
    say(`fork: its wall clock has become late by ${late} ms`);
    assert.ok(late > 200 && late < lay + 200, `${late} ms late, ${lay} ms ago`);
    await fleet.kill(...forks);

    // The source goes on where it stood, and is no fork.
    await source.cont();
    assert.equal(await source.sh("cat /tmp/mark"), "before");
    assert.equal(await forksNoticed(source), 0);
    await fleet.kill(source);
  });

  fleet.test("moves a machine without the guest's kernel noticing", async () => {
    const machine = await fleet.restore(await fleet.base(), "same");
    await machine.cont();
    assert.equal(await forksNoticed(machine), 0);
    await fleet.kill(machine);
  });

  fleet.test("stops the guest's time and measures how fast memory changes", async () => {
    const machine = await fleet.copy();
    const start = performance.now();
    const before = await uptime(machine);
    await machine.stop();
    const stopped = performance.now();
    await until(
      "a second of the host",
      () => performance.now() > stopped + 1000,
    );
    const stood = performance.now() - stopped;
    await machine.cont();
    const passed = await uptime(machine) - before;
    const most = performance.now() - start - stood + 100;
    assert.ok(passed < most, `${passed} of ${most} ms passed in the guest`);

    const idle = await machine.dirtyRate(2);
    await machine.sh(
      "(i=0; while :; do i=$((i+1)); yes $i | head -c 60000000 >/tmp/x; done) >/dev/null 2>&1 &",
    );
    const busy = await machine.dirtyRate(2);
    say(`dirty rate: idle ${idle} MiB/s, busy ${busy} MiB/s`);
    assert.ok(busy > idle, `idle ${idle}, busy ${busy}`);
    await fleet.kill(machine);
  });

  fleet.test("reaches further ports of the guest, on either address", async () => {
    const machine = await fleet.copy();
    await machine.sh(
      "mkdir /tmp/w; echo page >/tmp/w/p; httpd -p 169.254.0.21:8000 -h /tmp/w",
    );
    const port = await machine.forward(8000, "169.254.0.21");
    const page = await fetch(`http://127.0.0.1:${port}/p`, {
      signal: AbortSignal.timeout(LIMIT),
    });
    assert.equal(await page.text(), "page\n");
    await fleet.kill(machine);
  });

  for (const signal of ["SIGKILL", "SIGINT", "SIGTERM"] as const) {
    fleet.test(`leaves no machine behind when it ends by ${signal}`, async () => {
      const script = new URL("support/boot_and_wait.ts", import.meta.url);
      const child = spawn(process.execPath, [fileURLToPath(script.href)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const gone = once(child, "exit");
      let text = "";
      child.stdout.on("data", (chunk) => text += chunk);
      const pid: string = await until(
        "the machine of the child",
        () => /^qemu (\d+)$/m.exec(text)?.[1] ?? "",
        60_000,
      );
      assert.ok(runs(pid));
      child.kill(signal);
      await gone;
      await until("the end of QEMU", () => !runs(pid), LIMIT);
    });
  }

  fleet.test("boots again where an emulated kernel panics on its way", async () => {
    const image = buildImage({ variant: "none" }, say);
    const told: string[] = [];
    let boots = 0;
    const machine = await bootUp({ image, accel: "tcg" }, async (machine) => {
      fleet.add(machine);
      await machine.helperReady();
      if (++boots > 1) return;
      machine.exec("echo c >/proc/sysrq-trigger").catch(() => {}); // no reply comes
      await until("the panic", () => machine.panicked, LIMIT);
      throw new Error("it is gone");
    }, (line) => told.push(line));
    assert.equal(boots, 2);
    assert.match(told.join(), /panicked/);
    assert.equal(await machine.sh("cat /proc/uptime | wc -l"), "1");
    // Whatever else goes wrong is no panic, and not tried again.
    const failing = () => Promise.reject(new Error("not up"));
    await assert.rejects(bootUp({ image, accel: "tcg" }, failing), /not up/);
    await fleet.kill();
  });

  fleet.test("leaves no file behind but its snapshots", async () => {
    await fleet.kill();
    const mine = readdirSync(runDir)
      .filter((name) => name.startsWith(`${process.pid}-`));
    assert.deepEqual(mine.filter((name) => !name.endsWith("-snapshot")), []);
  });
});
