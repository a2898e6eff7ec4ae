/**
 * The mount freezer: freezes and thaws mounts by a worker, because a call on a mount may never
 * return.
 * @module
 */
import { messageOf } from "../util/errors.ts";
import { within } from "../util/within.ts";
import type { Runtime, RuntimeWorker } from "../runtime/types.ts";
import type {
  CommandKind,
  FreezerCommand,
  FreezerEvent,
  FreezerResults,
  FrozenMounts,
  Rescued,
  Thawed,
} from "./freezer_messages.ts";
import type { MountedAt, MountToFreeze } from "./fsfreeze.ts";
import type { RealPaths } from "./real_paths.ts";
import type { Trimmed } from "./trim.ts";

/** What the mount freezer needs. */
export interface MountFreezerOptions {
  readonly runtime: Pick<Runtime, "startWorker">;
  /** The URL of the module freezer_worker.ts. */
  readonly workerUrl: URL;
}

/** The action of each command, for error messages. */
const ACTIONS: Record<CommandKind, string> = {
  resolve: "find the mounts to freeze",
  freeze: "freeze mounts",
  thaw: "thaw mounts",
  rescue: "thaw mounts",
  trim: "trim mounts",
};

/**
 * Freezes once and thaws once: each operation makes a new freezer. Each call rejects at its limit
 * and names the mount that does not answer. The worker continues.
 */
export class MountFreezer {
  readonly #options: MountFreezerOptions;
  readonly #worker: RuntimeWorker;
  readonly #frozen: MountedAt[] = [];
  /** The number of commands that the worker has not answered yet. */
  #pending = 0;
  /** The path of the last call that the worker began. */
  #path: string | undefined;
  #ending = false;
  /** The last command, and what its answer settles. */
  #asked: {
    readonly kind: CommandKind;
    readonly resolve: (result: unknown) => void;
    readonly reject: (error: Error) => void;
  } | undefined;

  constructor(options: MountFreezerOptions) {
    this.#options = options;
    this.#worker = options.runtime.startWorker(options.workerUrl, {
      onMessage: (message) => this.#onEvent(message as FreezerEvent),
      onError: (error) => {
        this.#pending = 0;
        this.#asked?.reject(error);
      },
    });
  }

  /** The path of the call that the worker waits for; undefined if it waits for none. */
  get waitsFor(): string | undefined {
    return this.#pending > 0 ? this.#path : undefined;
  }

  /** Resolves the links in these paths. */
  async resolve(
    paths: readonly string[],
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<RealPaths> {
    return await this.#ask({ kind: "resolve", paths }, limitMs, signal);
  }

  /**
   * Freezes the mounts in this order, for at most `holdMs` milliseconds. If one cannot be frozen, the
   * others are thawed. Rejects at the limit and when the signal aborts; `thaw` must be called then,
   * too.
   */
  async freeze(
    mounts: readonly MountToFreeze[],
    { holdMs, limitMs, signal }: {
      readonly holdMs: number;
      readonly limitMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<FrozenMounts> {
    return await this.#ask({ kind: "freeze", mounts, holdMs }, limitMs, signal);
  }

  /** Thaws in the reverse order. Rejects if the worker does not answer within the limit. */
  async thaw(limitMs: number): Promise<Thawed> {
    return await this.#ask({ kind: "thaw" }, limitMs);
  }

  /** Thaws mounts that another worker, or an agent that was killed, froze. */
  async rescue(
    mounts: readonly MountedAt[],
    limitMs: number,
  ): Promise<Rescued> {
    return await this.#ask({ kind: "rescue", mounts }, limitMs);
  }

  /** Trims mounts, none of which is frozen. */
  async trim(
    mounts: readonly MountedAt[],
    minimum: number,
    limitMs: number,
  ): Promise<readonly Trimmed[]> {
    return await this.#ask({ kind: "trim", mounts, minimum }, limitMs);
  }

  /**
   * Thaws by another worker the mounts that were frozen, if the worker of this freezer is blocked
   * by the next mount. Returns the reasons of the failures.
   */
  async thawKnown(limitMs: number): Promise<readonly string[]> {
    if (this.#frozen.length === 0) return [];
    const other = new MountFreezer(this.#options);
    try {
      return (await other.rescue(this.#frozen.toReversed(), limitMs)).failed;
    } catch (error) {
      return [messageOf(error)];
    } finally {
      await other.end();
    }
  }

  /** Ends the worker; a worker that is blocked ends as soon as its call returns. */
  async end(): Promise<void> {
    this.#ending = true;
    if (this.#pending === 0) await this.#worker.terminate();
  }

  #onEvent(event: FreezerEvent): void {
    if (event.kind === "at") this.#path = event.path;
    else if (event.kind === "froze") this.#frozen.push(event.mount);
    else {
      this.#pending--;
      // A freeze that ends after it was given up is no answer to a thaw.
      if (this.#asked?.kind === event.command) {
        const { resolve, reject } = this.#asked;
        if (event.reason === undefined) resolve(event.result);
        else reject(new Error(event.reason));
      }
      if (this.#ending) this.end().catch(() => {});
    }
  }

  async #ask<K extends CommandKind>(
    command: FreezerCommand & { readonly kind: K },
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<FreezerResults[K]> {
    const { kind } = command;
    const failed = (why: string) =>
      new Error(`Cannot ${ACTIONS[kind]}: ${why}`);
    if (signal?.aborted) throw failed("the prepare was aborted");
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#asked = { kind, resolve, reject };
    });
    if (this.#pending++ === 0) this.#path = undefined;
    this.#worker.post(command);
    const ended = await within(answer, { limitMs, signal });
    if ("value" in ended) return ended.value as FreezerResults[K];
    if (ended.early === "aborted") throw failed("the prepare was aborted");
    const path = this.#path ?? "the worker";
    throw failed(`${path} does not answer within ${limitMs} ms`);
  }
}
