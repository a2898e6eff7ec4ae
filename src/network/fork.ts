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
import { applyIdentities, type ApplyOptions } from "./apply.ts";
import { NetworkIdentities } from "./identity.ts";
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
  /** Runs the work after the reply, and before the next prepare. */
  readonly later: (work: () => Promise<void>) => void;
  /** Gets the text of a change that was made after the reply. */
  readonly onDone: (what: string, facts: Effect) => void;
  readonly onError: (error: unknown) => void;
}

type Identities = NetworkIdentity | readonly NetworkIdentity[];

/** The identity of this fork. A later one replaces the work that an earlier one has left. */
export class ForkIdentity {
  readonly #options: ForkOptions;
  /** The former address that is still there, if there is one. */
  #left: Recorded | undefined;

  constructor(options: ForkOptions) {
    this.#options = options;
  }

  /** Applies the identities; throws if one cannot be applied, and then nothing has changed. */
  async apply(
    given: Identities,
    reply: ReplyWay | undefined,
  ): Promise<Effect> {
    const { listeners, directory } = this.#options;
    const { interfaces, replaced } = applyIdentities(
      this.#options,
      given,
      reply?.localAddress,
    );
    this.#left?.erase();
    this.#left = undefined;
    const managed = await tellManagers(this.#options, given);
    const moved = replaced.size === 0
      ? undefined
      : await listeners?.move(replaced);
    if (moved !== undefined) saveMoves(directory, replaced);
    const over = reply?.localAddress ?? "";
    const isLeft = replaced.has(over);
    if (reply !== undefined && isLeft) this.#finishLater(given, reply, moved);
    else moved?.close();
    const [first] = interfaces;
    return {
      ...interfaces.length === 1 ? first : { interfaces },
      ...managed,
      ...moved && { listening: moved.moved },
      ...isLeft && { afterReply: `${over} is removed` },
    };
  }

  #finishLater(
    given: Identities,
    reply: ReplyWay,
    moved: { close(): void } | undefined,
  ): void {
    const { journal, later, onDone, onError } = this.#options;
    const left = journal.record("network", { network: given });
    this.#left = left;
    reply.afterLastReply(() =>
      later(async () => {
        moved?.close();
        // A later identity has removed the address, or has it.
        if (this.#left !== left) return;
        this.#left = undefined;
        try {
          const managed = await finish(this.#options, given);
          left.erase();
          onDone("the former address is removed", managed);
        } catch (error) {
          onError(error);
        }
      })
    );
  }
}

/** Applies the identities to the interfaces again, now without the address of the call. */
async function finish(
  options: ApplyOptions,
  given: Identities,
): Promise<Effect> {
  applyIdentities(options, given);
  const managed = await tellManagers(options, given);
  return { ...managed };
}

const changeSchema = v.object({ network: NetworkIdentities });

/** Removes the former address that a killed agent has left, for `repairAfterCrash`. */
export async function finishIdentity(
  options: ApplyOptions,
  change: unknown,
): Promise<Effect> {
  const { network } = v.parse(changeSchema, change);
  try {
    return await finish(options, network);
  } catch (error) {
    throw new Error(
      `Cannot remove the former address: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
