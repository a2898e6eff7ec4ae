/**
 * The mount freezer: owns the thread that freezes, holds and thaws.
 * @module
 */
import { messageOf } from "../lifecycle/step.ts";
import type { Runtime, RuntimeWorker } from "../runtime/types.ts";
import type { FreezerNews, FreezerOrder, Thawed } from "./freezer_messages.ts";
import { thawMount } from "./fsfreeze.ts";
import type { Libc } from "./libc.ts";

/** What the freezer is made from. */
export interface MountFreezerOptions {
  readonly runtime: Pick<Runtime, "startWorker">;
  /** The module freezer_worker.ts. */
  readonly workerUrl: URL;
  readonly libc: Libc;
}

/** What was frozen. */
export interface FrozenMounts {
  readonly frozen: readonly string[];
  /** Frozen by somebody else before, and left so. */
  readonly already: readonly string[];
}

/** Freezes once and thaws once; made anew for each operation. */
export class MountFreezer {
  readonly #libc: Libc;
  readonly #worker: RuntimeWorker;
  readonly #frozen: string[] = [];
  #asked: FreezerOrder["kind"] | undefined;
  #hear: (news: FreezerNews | Error) => void = () => {};

  constructor({ runtime, workerUrl, libc }: MountFreezerOptions) {
    this.#libc = libc;
    this.#worker = runtime.startWorker(workerUrl, {
      onMessage: (message) => {
        const news = message as FreezerNews;
        if (news.kind === "froze") this.#frozen.push(news.mount);
        // A freeze that ends when nobody waits for it is no answer to a thaw.
        else if (this.#asked === orderOf(news)) this.#hear(news);
      },
      onError: (error) => this.#hear(error),
    });
  }

  /**
   * Freezes in this order; where one cannot be frozen, none stays so. Rejects
   * past the limit and on the signal; it must be thawed then, too.
   */
  async freeze(
    mounts: readonly string[],
    holdMs: number,
    signal: AbortSignal,
  ): Promise<FrozenMounts> {
    const news = await this.#ask(
      { kind: "freeze", mounts, holdMs },
      holdMs,
      signal,
    );
    if (news.kind === "frozen") return news;
    if (news.kind === "failed") throw new Error(news.reason);
    throw new Error(`Cannot freeze mounts: the thread said ${news.kind}`);
  }

  /** Thaws in the reverse order; rejects if the thread does not in time. */
  async thaw(limitMs: number): Promise<Thawed> {
    const news = await this.#ask({ kind: "thaw" }, limitMs);
    if (news.kind === "thawed") return news;
    throw new Error(
      news.kind === "failed"
        ? news.reason
        : `Cannot thaw mounts: the thread said ${news.kind}`,
    );
  }

  /**
   * Thaws what is known to be frozen from this thread, while the other is stuck
   * in the next mount; gives what could not be thawed.
   */
  thawKnown(): string[] {
    return this.#frozen.toReversed().flatMap((mount) => {
      try {
        thawMount(this.#libc, mount);
        return [];
      } catch (error) {
        return [messageOf(error)];
      }
    });
  }

  /** Ends the thread. */
  end(): Promise<void> {
    return this.#worker.terminate();
  }

  async #ask(
    order: FreezerOrder,
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<FreezerNews> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let onAbort = () => {};
    try {
      const heard = await new Promise<FreezerNews | Error>((resolve) => {
        const stop = (why: string) =>
          resolve(new Error(`Cannot ${order.kind} mounts: ${why}`));
        this.#asked = order.kind;
        this.#hear = resolve;
        if (Number.isFinite(limitMs)) {
          timer = setTimeout(stop, limitMs, `not done within ${limitMs} ms`);
        }
        onAbort = () => stop("given up with the prepare");
        if (signal?.aborted) return onAbort();
        signal?.addEventListener("abort", onAbort);
        this.#worker.post(order);
      });
      if (heard instanceof Error) throw heard;
      return heard;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

/** Which order a piece of news answers. */
function orderOf(
  news: Exclude<FreezerNews, { kind: "froze" }>,
): FreezerOrder["kind"] {
  if (news.kind === "failed") return news.order;
  return news.kind === "frozen" ? "freeze" : "thaw";
}
