import { after, test } from "node:test";
import { buildImage, type ImageOptions, type Variant } from "./image.ts";
import { accelerator } from "./accel.ts";
import { bootUp } from "./boot.ts";
import { type BootOptions, Machine, type Snapshot } from "./machine.ts";

const start = performance.now();

/** One line of progress, with the seconds since the start: machines take their time. */
export function say(line: string): void {
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`vm ${seconds.padStart(6)} s  ${line}`);
}

/** Milliseconds that a machine of a failed test has to tell its log. */
const TELL_LIMIT = 5000;

/** Zeroing 256 MiB takes an emulated machine seconds; the demo shows it. */
const FLAGS = ["--zero-memory-mib=0"];

/** Prints the log of a machine's agent, and what the machine's console said. */
async function tell(machine: Machine): Promise<void> {
  const words = await machine.exec(
    "tail -n 40 /run/lull.log 2>/dev/null || journalctl -u lull -n 40",
    TELL_LIMIT,
  )
    .then(({ stdout }) => stdout, (error) => `no log: ${error}`);
  say(`${words.trimEnd()}\n${machine.lastWords()}`);
}

/** For tests that are not about memory: what rests need not be read anew. */
export const KEEP_MEMORY: readonly string[] = ["--drop-caches=off"];

/** What a base machine may have beside its variant. */
export type FleetOptions =
  & Partial<Omit<BootOptions, "image" | "accel">>
  & Partial<Omit<ImageOptions, "variant">>;

/**
 * Whether the guest's kernel has crashed in an interrupt. Now and then, one of two emulated
 * processors runs code that the other one is patching: the kernel patches its tracepoints when an
 * agent starts or ends. A kernel that crashes for another reason crashes again.
 */
function isEmulatorFault(error: unknown): boolean {
  return String(error).includes("Fatal exception in interrupt");
}

/**
 * The machines of one test file. One machine boots and is snapshotted; each
 * test gets copies of it, which takes a fraction of a boot. All of them end
 * with the file, whatever happened.
 */
export class Fleet {
  readonly variant: Variant;
  readonly #options: FleetOptions;
  readonly #machines = new Set<Machine>();
  readonly #kept = new Set<Machine>();
  #base: Promise<Snapshot> | undefined;

  constructor(variant: Variant, options: FleetOptions = {}) {
    this.variant = variant;
    this.#options = options;
    after(() => this.end());
  }

  /** The snapshot that the tests start from: booted, the agent healthy. */
  base(): Promise<Snapshot> {
    return this.#base ??= this.#makeBase();
  }

  async #makeBase(): Promise<Snapshot> {
    const { name, guest, binary, extra, ...boot } = this.#options;
    const variant = this.variant;
    const image = buildImage({ variant, guest, name, binary, extra }, say);
    const accel = await accelerator(say, guest);
    say(`${variant}: booting under ${accel}`);
    const begin = performance.now();
    const flags = [...FLAGS, ...boot.flags ?? []];
    const machine = await bootUp(
      { ...boot, flags, image, accel },
      (machine) => {
        this.add(machine); // it ends with the fleet, up or not
        return variant === "none" ? machine.helperReady() : machine.ready();
      },
      say,
    );
    const ms = Math.round(performance.now() - begin);
    say(`${variant}: up ${ms} ms after the start of QEMU`);
    const snapshot = await this.snapshot(machine, "base");
    await this.kill(machine);
    return snapshot;
  }

  /** A running copy of the base; its kernel has seen no fork. */
  async copy(): Promise<Machine> {
    const machine = await this.restore(await this.base(), "same");
    await machine.cont();
    return machine;
  }

  /** As `Machine.restore`: the copy stands still. */
  async restore(
    snapshot: Snapshot,
    generation?: "same" | "other",
  ): Promise<Machine> {
    return this.add(await Machine.restore(snapshot, generation));
  }

  /** As `Machine.snapshot`, with a line of progress. */
  async snapshot(machine: Machine, what: string): Promise<Snapshot> {
    const snapshot = await machine.snapshot();
    const size = (snapshot.bytes / 1e6).toFixed(1);
    say(`${what}: snapshot of ${size} MB in ${Math.round(snapshot.ms)} ms`);
    return snapshot;
  }

  /**
   * A test whose machines end with it. Where it fails, they first tell what
   * their agents said: they cannot be asked later.
   */
  test(name: string, body: () => Promise<void>): void {
    test(name, async () => {
      try {
        await body().catch(async (error) => {
          if (!isEmulatorFault(error)) throw error;
          say(`${name}: runs again, because the emulated kernel has crashed`);
          await this.kill();
          await body();
        });
      } catch (error) {
        for (const machine of this.#machines) await tell(machine);
        throw error;
      } finally {
        await this.kill();
      }
    });
  }

  /** Makes a machine end with this fleet. */
  add(machine: Machine): Machine {
    this.#machines.add(machine);
    return machine;
  }

  /** Lets a machine live on after its test, until it is killed by name. */
  keep(machine: Machine): void {
    this.#machines.delete(machine);
    this.#kept.add(machine);
  }

  /** Ends machines, all that no test keeps if none is named; snapshots stay. */
  async kill(...machines: Machine[]): Promise<void> {
    const list = machines.length > 0 ? machines : [...this.#machines];
    for (const machine of list) {
      this.#machines.delete(machine);
      this.#kept.delete(machine);
    }
    await Promise.all(list.map((machine) => machine.kill()));
  }

  /** Ends everything. */
  async end(): Promise<void> {
    await this.kill(...this.#machines, ...this.#kept);
  }
}
