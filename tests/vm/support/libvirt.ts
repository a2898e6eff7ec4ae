/**
 * A libvirt of the test's own: its daemon runs in namespaces, so that it neither sees nor changes the
 * libvirt of this machine, and all of its machines end with it.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Debt, oweKill } from "../../support/cleanup.ts";
import { until } from "../../support/until.ts";
import { ownDir } from "./qemu.ts";
import { which } from "./run.ts";

/** Milliseconds for the daemon to start: it asks QEMU what it can do. */
const START_MS = 60_000;

/** The directories in which the daemon writes: a layer of the test's own takes the writes. */
const LAYERED = ["/etc", "/var/lib", "/var/cache", "/var/log"];

/** The daemon runs alone: no cgroups, no other user, no log daemon, no namespaces of its own. */
const QEMU_CONF = `
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
`;

const LIBVIRTD_CONF = `
auth_unix_rw = "none"
`;

/** Why there can be no libvirt here, or false. */
export const withoutLibvirt: string | false = reason();

function reason(): string | false {
  if (process.getuid?.() !== 0) return "libvirtd needs root here";
  const missing = ["libvirtd", "virsh", "qemu-img", "unshare"].filter((name) =>
    which(name) === undefined
  );
  if (missing.length > 0) {
    return `${
      missing.join(" and ")
    } is not installed (apt-get install libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-utils)`;
  }
  const script = `mount -t tmpfs none /run && ${layers("/run")}`;
  const { status, stderr } = spawnSync("unshare", [
    ...["--mount", "--pid", "--fork", "sh", "-c", script],
  ], { encoding: "utf8" });
  return status === 0 ? false : `there are no namespaces: ${stderr.trim()}`;
}

/** The commands that put the layers over the directories. */
function layers(directory: string): string {
  return LAYERED.map((path, at) => {
    const own = `${directory}/layer-${at}`;
    return `mkdir -p ${own}/upper ${own}/work && mount -t overlay ` +
      `-o lowerdir=${path},upperdir=${own}/upper,workdir=${own}/work none ${path}`;
  }).join(" && ");
}

/** A daemon, until the end of the test. */
export class Libvirt implements AsyncDisposable {
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #debt: Debt;
  #ended = false;

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.#child = child;
    this.#debt = oweKill(child.pid!);
    child.on("close", () => this.#ended = true);
  }

  /** Starts a daemon, and waits until virsh can connect to it. */
  static async start(): Promise<Libvirt> {
    const directory = ownDir("libvirt");
    writeFileSync(join(directory, "qemu.conf"), QEMU_CONF);
    writeFileSync(join(directory, "libvirtd.conf"), LIBVIRTD_CONF);
    const run = join(directory, "run");
    mkdirSync(run);
    const script = [
      "set -e",
      layers(directory),
      // The package libvirt-daemon-system makes the user and the group.
      "grep -q ^libvirt-qemu: /etc/passwd || echo libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false >>/etc/passwd",
      "grep -q ^libvirt-qemu: /etc/group || echo libvirt-qemu:x:64055: >>/etc/group",
      "mkdir -p /etc/libvirt",
      `cp ${directory}/qemu.conf /etc/libvirt/qemu.conf`,
      // A KVM that does not work would hang QEMU while libvirt asks it what it can do.
      "if [ -e /dev/kvm ]; then mount --bind /dev/null /dev/kvm; fi",
      "mount -t tmpfs none /run",
      "mkdir /run/libvirt",
      `mount --bind ${run} /run/libvirt`,
      // The shell is the first process of the namespace, which must take the ends of orphans.
      `libvirtd --config ${directory}/libvirtd.conf >${directory}/log 2>&1 &`,
      "wait $!",
    ].join("\n");
    const child = spawn("unshare", [
      ...["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["sh", "-c", script],
    ], { stdio: "ignore" });
    const libvirt = new Libvirt(directory, child);
    try {
      await until("libvirtd", () => {
        if (libvirt.#ended) throw new Error("libvirtd ended");
        return libvirt.#run(["uri"]).status === 0;
      }, START_MS);
    } catch (error) {
      const words = libvirt.log();
      await libvirt[Symbol.asyncDispose]();
      throw new Error(`${error}\n${words}`, { cause: error });
    }
    return libvirt;
  }

  /** What the daemon said. */
  log(): string {
    const file = join(this.directory, "log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  #run(words: readonly string[]) {
    const socket = join(this.directory, "run", "libvirt-sock");
    const uri = `qemu+unix:///system?socket=${socket}`;
    return spawnSync("virsh", ["--connect", uri, ...words], {
      ...{ encoding: "utf8", timeout: 120_000 },
    });
  }

  /** Runs virsh; gives its output, or throws its error. */
  virsh(...words: string[]): string {
    const { status, stdout, stderr } = this.#run(words);
    if (status === 0) return stdout.trim();
    throw new Error(`Cannot virsh ${words.join(" ")}: ${stderr.trim()}`);
  }

  /** The daemon ends, and with its namespace all of its machines. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await until("the end of libvirtd", () => this.#ended);
    this.#debt.settled();
  }
}
