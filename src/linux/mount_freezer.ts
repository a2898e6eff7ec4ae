/**
 * The mount freezer: freezes and thaws mounts by a worker, because a call on a mount may never
 * return.
 * @module
 */
import { messageOf } from "../util/errors.ts";
import { timeout } from "../util/timeout.ts";
import type { Runtime, RuntimeWorker } from "../runtime/types.ts";
import type {
  FreezerAnswer,
  FreezerNews,
  FreezerOrder,
  Rescued,
  Thawed,
} from "./freezer_messages.ts";
import type { MountedAt } from "./fsfreeze.ts";
import type { RealPaths } from "./real_paths.ts";

/** What the mount freezer needs. */
export interface MountFreezerOptions {
  readonly runtime: Pick<Runtime, "startWorker">;
  /** The URL of the module freezer_worker.ts. */
  readonly workerUrl: URL;
}

/** The result of a freeze, by mount points. */
export interface FrozenMounts {
  readonly frozen: readonly string[];
  /** Mounts that another program froze before. They stay frozen. */
  readonly already: readonly string[];
}

type Kind = FreezerOrder["kind"];
type AnswerTo<K extends Kind> = FreezerAnswer & { kind: "done"; order: K };

/** The action of each command, for error messages. */
const ACTIONS: Record<Kind, string> = {
  resolve: "find the mounts to freeze",
  freeze: "freeze mounts",
  thaw: "thaw mounts",
  rescue: "thaw mounts",
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
  #orders = 0;
  /** The path of the last call that the worker began. */
  #at: string | undefined;
  #ending = false;
  #asked: Kind | undefined;
  #hear: (answer: FreezerAnswer | Error) => void = () => {};

  constructor(options: MountFreezerOptions) {
    this.#options = options;
    this.#worker = options.runtime.startWorker(options.workerUrl, {
      onMessage: (message) => this.#onNews(message as FreezerNews),
      onError: (error) => {
        this.#orders = 0;
        this.#hear(error);
      },
    });
  }

  /** The path of the call that the worker waits for; undefined if it waits for none. */
  get waitsFor(): string | undefined {
    return this.#orders > 0 ? this.#at : undefined;
  }

  /** Resolves the links in these paths. */
  async resolve(
    paths: readonly string[],
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<RealPaths> {
    const order = { kind: "resolve", paths } as const;
    return (await this.#ask(order, limitMs, signal)).paths;
  }

  /**
   * Freezes the mounts in this order. If one cannot be frozen, the others are thawed. Rejects at
   * the limit and when the signal aborts; `thaw` must be called then, too.
   */
  async freeze(
    mounts: readonly MountedAt[],
    holdMs: number,
    signal: AbortSignal,
  ): Promise<FrozenMounts> {
    return await this.#ask({ kind: "freeze", mounts, holdMs }, holdMs, signal);
  }

  /** Thaws in the reverse order. Rejects if the worker does not answer within the limit. */
  async thaw(limitMs: number): Promise<Thawed> {
    const { kind: _, order: _order, ...thawed } = await this.#ask(
      { kind: "thaw" },
      limitMs,
    );
    return thawed;
  }

  /** Thaws mounts that another worker, or an agent that was killed, froze. */
  async rescue(
    mounts: readonly MountedAt[],
    limitMs: number,
  ): Promise<Rescued> {
    return await this.#ask({ kind: "rescue", mounts }, limitMs);
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
    if (this.#orders === 0) await this.#worker.terminate();
  }

  #onNews(news: FreezerNews): void {
    if (news.kind === "at") this.#at = news.path;
    else if (news.kind === "froze") this.#frozen.push(news.mount);
    else {
      this.#orders--;
      // A freeze that ends after it was given up is no answer to a thaw.
      if (this.#asked === news.order) this.#hear(news);
      if (this.#ending) this.end().catch(() => {});
    }
  }

  async #ask<O extends FreezerOrder>(
    order: O,
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<AnswerTo<O["kind"]>> {
    const failed = (why: string) =>
      new Error(`Cannot ${ACTIONS[order.kind]}: ${why}`);
    let callOff = () => {};
    let onAbort = () => {};
    try {
      const answer = await new Promise<FreezerAnswer | Error>((resolve) => {
        this.#asked = order.kind;
        this.#hear = resolve;
        onAbort = () => resolve(failed("given up with the prepare"));
        if (signal?.aborted) return onAbort();
        signal?.addEventListener("abort", onAbort);
        if (Number.isFinite(limitMs)) {
          callOff = timeout(limitMs, () => {
            const path = this.#at ?? "the worker";
            resolve(failed(`${path} does not answer within ${limitMs} ms`));
          });
        }
        if (this.#orders++ === 0) this.#at = undefined;
        this.#worker.post(order);
      });
      if (answer instanceof Error) throw answer;
      if (answer.kind === "failed") throw new Error(answer.reason);
      return answer as AnswerTo<O["kind"]>;
    } finally {
      callOff();
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
