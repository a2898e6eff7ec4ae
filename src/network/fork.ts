/**
 * Gives a fork its network identity: applies it, tells the programs that manage the interfaces, and
 * removes the address of the call once the caller has its reply. Loaded only if a host gives an
 * identity.
 * @module
 */
import * as v from "valibot";
import type { Recorded, Recorder } from "../lifecycle/journal.ts";
import type { NetworkIdentity, ReplyWay } from "../lifecycle/request.ts";
import type { Effect } from "../lifecycle/step.ts";
import { messageOf } from "../util/errors.ts";
import { Network } from "../linux/rtnetlink.ts";
import { removeEverywhere } from "./addresses.ts";
import { applyIdentities, type ApplyOptions } from "./apply.ts";
import { listOf } from "./contradictions.ts";
import { NetworkIdentities } from "./identity.ts";
import { isInPlace } from "./in_place.ts";
import { tellManagers } from "./managers.ts";
import { saveMoves } from "./moved_addresses.ts";

/** What the agent listens on, as far as a move of addresses concerns it. */
export interface MovableListeners {
  /**
   * Listens on the new addresses, in addition to the former ones. Returns undefined if it listens on
   * none of the former; otherwise the addresses, and the end of the former ones.
   */
  move(
    moves: ReadonlyMap<string, string>,
  ): Promise<{ readonly moved: readonly string[]; close(): void } | undefined>;
}

/** What the repair needs. */
export interface ForkOptions extends ApplyOptions {
  readonly journal: Recorder;
  readonly listeners?: MovableListeners;
  /** Resolves when no caller waits for a reply, after a second at the latest. */
  readonly replied?: () => Promise<void>;
  /** Runs the work after the reply, and before the next prepare. */
  readonly later: (work: () => Promise<void>) => void;
  /** Gets the text of a change that was made after the reply. */
  readonly onDone: (what: string, facts: Effect) => void;
  readonly onError: (error: unknown) => void;
}

type Identities = NetworkIdentity | readonly NetworkIdentity[];

/** An identity, and the address that its call came to and that is still there. */
interface Left {
  readonly network: Identities;
  readonly address?: string;
}

/** Applies the network identities of this fork, one call after the other. */
export class ForkNetwork {
  readonly #options: ForkOptions;
  /** The identities to apply again when the addresses of their calls are removed, and their record. */
  #left: Left[] = [];
  #record: Recorded | undefined;
  /** The last identities: as they were given, and with the names of their interfaces. */
  #last: { readonly given: string; readonly named: Identities } | undefined;
  /** The replies that still go over an address that is to be removed. */
  #replies = 0;

  constructor(options: ForkOptions) {
    this.#options = options;
  }

  /** Applies the identities; throws if one cannot be applied, and then nothing has changed. */
  async apply(
    given: Identities,
    reply: ReplyWay | undefined,
  ): Promise<Effect> {
    const over = reply?.localAddress ?? "";
    const wanted = this.#named(given);
    const { interfaces, replaced, isLeft } = applyIdentities(
      this.#options,
      wanted,
      over,
    );
    const named = listOf(wanted).map((identity, i) => ({
      ...identity,
      ...interfaces[i].interface && { interface: interfaces[i].interface },
    }));
    this.#last = { given: JSON.stringify(given), named };
    const managed = await tellManagers(this.#options, named);
    const moved = await this.#move(replaced);
    // The addresses that earlier identities have left are removed before those of this one.
    if (isLeft || this.#left.length > 0) {
      this.#recordLeft({ network: named, ...isLeft && { address: over } });
    } else this.#eraseRecord();
    if (reply !== undefined && isLeft) {
      this.#replies++;
      reply.afterLastReply(() =>
        this.#options.later(() => this.#finish(moved))
      );
    } else moved?.close();
    const [first] = interfaces;
    return {
      ...interfaces.length === 1 ? first : { interfaces },
      ...managed,
      ...moved && { listening: moved.moved },
      ...isLeft && { afterReply: `${over} is removed` },
    };
  }

  /** Whether the machine still has identities that were applied last. */
  isInPlace(given: Identities): boolean {
    return isInPlace(this.#options.libc, this.#named(given));
  }

  /**
   * The identities with the names of the interfaces that they were applied to. An identity without a
   * name is for the interface of the default route, which a program may move to another interface
   * meanwhile.
   */
  #named(given: Identities): Identities {
    const last = this.#last;
    if (last?.given !== JSON.stringify(given)) return given;
    using network = new Network(this.#options.libc);
    const names = network.links().map(({ name }) => name);
    const exist = listOf(last.named).every(({ interface: name }) =>
      name === undefined || names.includes(name)
    );
    return exist ? last.named : given;
  }

  /** Listens on the new addresses. A failure is logged: the machine has its identity. */
  async #move(replaced: ReadonlyMap<string, string>) {
    const { listeners, directory, onError } = this.#options;
    if (replaced.size === 0) return undefined;
    try {
      const moved = await listeners?.move(replaced);
      if (moved !== undefined) saveMoves(directory, replaced);
      return moved;
    } catch (error) {
      onError(error);
      return undefined;
    }
  }

  #recordLeft(left: Left): void {
    this.#left = [...this.#left, left];
    const change = { left: this.#left };
    if (this.#record !== undefined) return this.#record.update(change);
    this.#record = this.#options.journal.record("network", change);
  }

  /**
   * The record of a removal that failed stays for the next agent, until another identity is applied: the
   * next agent would bring back the one before it.
   */
  #eraseRecord(): void {
    this.#record?.erase();
    this.#record = undefined;
  }

  /** Removes the former addresses when the last caller has its reply. */
  async #finish(moved: { close(): void } | undefined): Promise<void> {
    const { replied, onDone, onError } = this.#options;
    this.#replies--;
    try {
      // Other callers, too, may wait for a reply from that address.
      await replied?.();
      moved?.close();
      if (this.#replies > 0) return;
      const left = this.#left;
      this.#left = [];
      const managed = await finish(this.#options, left);
      this.#eraseRecord();
      onDone("the former address is removed", managed);
    } catch (error) {
      onError(error);
    }
  }
}

/** Applies the identities again, in order, and removes the addresses of the calls. */
async function finish(
  options: ApplyOptions,
  left: readonly Left[],
): Promise<Effect> {
  let managed: Effect = {};
  for (const { network: given, address } of left) {
    applyIdentities(options, given);
    if (address !== undefined) {
      // An address that derives from the former MAC address is still there.
      using network = new Network(options.libc);
      removeEverywhere(network, [address]);
    }
    managed = { ...await tellManagers(options, given) };
  }
  return managed;
}

const changeSchema = v.object({
  left: v.array(v.object({
    network: NetworkIdentities,
    address: v.optional(v.string()),
  })),
});

/** Removes the former address that a killed agent has left, for `repairAfterCrash`. */
export async function finishIdentity(
  options: ApplyOptions,
  change: unknown,
): Promise<Effect> {
  const { left } = v.parse(changeSchema, change);
  try {
    return await finish(options, left);
  } catch (error) {
    throw new Error(
      `Cannot remove the former address: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
