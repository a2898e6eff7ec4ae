/**
 * Renews the items of a machine's identity. Loaded only if a host asks for it.
 * @module
 */
import type { RenewedItem } from "../lifecycle/reports.ts";
import { RENEWABLE, type Renewable } from "../lifecycle/request.ts";
import type { Libc } from "../linux/libc.ts";
import { messageOf } from "../util/errors.ts";
import { endEarly, within } from "../util/within.ts";
import { renewBootId } from "./boot_id.ts";
import { renewCloudInit } from "./cloud_init.ts";
import { renewDbusId } from "./dbus_id.ts";
import { Guest } from "./guest.ts";
import type { ItemEffect, RenewItem } from "./item.ts";
import { renewMachineId } from "./machine_id.ts";
import { renewRandomSeed } from "./random_seed.ts";
import { renewSshHostKeys } from "./ssh_host_keys.ts";

/** What the renewer needs. */
export interface RenewerOptions {
  readonly libc: Libc;
  /** A directory in memory for the files that are mounted over others. */
  readonly directory: string;
  /** The root of the guest's files; `/` if not given. */
  readonly root?: string;
  /** Milliseconds that each item may take. */
  readonly limitMs: number;
}

/** What is to be renewed, and how. */
export interface Renewal {
  readonly items: readonly Renewable[];
  readonly generation: number;
  readonly onDisk: boolean;
  readonly signal: AbortSignal;
}

/** Milliseconds that an item gets to stop at its limit: it kills its programs then. */
const STOP_MS = 150;

/** Renews items, each once in a generation. */
export class Renewer {
  readonly #options: RenewerOptions;
  #generation: number | undefined;
  readonly #results = new Map<Renewable, RenewedItem>();

  constructor(options: RenewerOptions) {
    this.#options = options;
  }

  /**
   * Renews the items that were not renewed in this generation, all at once. Returns the items of
   * this generation, also those of earlier calls. Never rejects: an item that fails says why, and
   * the next call tries it again.
   */
  async renew(renewal: Renewal): Promise<readonly RenewedItem[]> {
    const { items, generation, signal } = renewal;
    if (generation !== this.#generation) this.#results.clear();
    this.#generation = generation;
    const due = items.filter((item) => {
      const { status = "failed" } = this.#results.get(item) ?? {};
      return status === "failed";
    });
    const control = new AbortController();
    const { limitMs } = this.#options;
    const cancel = endEarly({ limitMs, signal }, () => control.abort());
    try {
      await this.#renewAll(due, renewal, control.signal);
    } finally {
      cancel();
    }
    return RENEWABLE.flatMap((item) => this.#results.get(item) ?? []);
  }

  async #renewAll(
    due: readonly Renewable[],
    { onDisk }: Renewal,
    signal: AbortSignal,
  ): Promise<void> {
    const { libc, directory, root } = this.#options;
    let onRenewed: (id: string | undefined) => void = () => {};
    const machineId = new Promise<string | undefined>((resolve) => {
      onRenewed = resolve;
    });
    if (!due.includes("machine-id")) onRenewed(undefined);
    const actions: Readonly<Record<Renewable, RenewItem>> = {
      "machine-id": async (guest) => {
        try {
          return await renewMachineId(guest, onRenewed);
        } finally {
          onRenewed(undefined);
        }
      },
      "ssh-host-keys": (guest) => renewSshHostKeys(guest, directory),
      "boot-id": renewBootId,
      "random-seed": renewRandomSeed,
      "dbus-id": renewDbusId,
      "cloud-init": renewCloudInit,
    };
    await Promise.all(due.map(async (item) => {
      const guest = new Guest({ libc, directory, root, onDisk, signal });
      const work = actions[item](guest, { machineId });
      this.#results.set(item, await resultOf(item, work, signal));
    }));
  }
}

/** Waits for an item until a moment after its signal is aborted. */
async function resultOf(
  item: Renewable,
  work: Promise<ItemEffect>,
  signal: AbortSignal,
): Promise<RenewedItem> {
  const failed = (reason: string) =>
    ({ item, status: "failed", reason }) as const;
  try {
    let ended = await within(work, { signal });
    if ("early" in ended) ended = await within(work, { limitMs: STOP_MS });
    if ("early" in ended) return failed("it was not done within its limit");
    const { value } = ended;
    return "absent" in value
      ? { item, status: "absent", reason: String(value.absent) }
      : { item, status: "renewed", ...value };
  } catch (error) {
    return failed(messageOf(error));
  }
}
