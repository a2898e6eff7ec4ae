/**
 * The trace of a transition, by W3C Trace Context: the span of a prepare or a recovery, and a span for
 * each of its steps. This module is loaded only if a call has a valid `traceparent`.
 * @module
 */

/** The header `traceparent` of a call (W3C Trace Context, 3.2). */
export interface Traceparent {
  readonly traceId: string;
  readonly parentId: string;
  /** Whether the caller records the trace: the flag that version 00 defines. */
  readonly sampled: boolean;
}

/** The fields of `traceparent`. A later version may have more of them, after a dash. */
const TRACEPARENT =
  /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** Parses the header; undefined if it is malformed, which means that there is no trace. */
export function parseTraceparent(text: string): Traceparent | undefined {
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(text) ??
    [];
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && more !== undefined) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  const sampled = (parseInt(flags, 16) & SAMPLED) !== 0;
  return { traceId, parentId, sampled };
}

/** The trace of one transition. Its times are by performance.now() until it is reported. */
export class Trace {
  readonly #caller: Traceparent;
  readonly #newId: () => string;
  readonly #root: Span;
  readonly #spans: Span[] = [];
  /** The wall clock minus performance.now(), in milliseconds. */
  #wallOffset = 0;

  /** Begins the span of the transition. `newId` returns at least 16 random hexadecimal digits. */
  constructor(caller: Traceparent, name: string, newId: () => string) {
    this.#caller = caller;
    this.#newId = newId;
    this.#root = new Span(name, caller, newId);
    this.#setClock();
  }

  /** Begins the span of a step, a repair or an undo. */
  begin(name: string): Span {
    const span = new Span(name, this.#caller, this.#newId);
    this.#spans.push(span);
    return span;
  }

  /**
   * Ends the span of the transition. A later end replaces an earlier one. The wall clock of this
   * moment counts for all times: in a fork, the clock before the repair is that of the snapshot.
   * Each span has its id from now on: a snapshot that follows does not give its forks other ids.
   */
  end(): void {
    this.#root.end();
    this.#setClock();
    for (const span of [this.#root, ...this.#spans]) span.makeId();
  }

  /** The trace for a report. A span that has not ended has no end. */
  report() {
    const { traceId, parentId, sampled } = this.#caller;
    const spanOf = (parentId: string, { id, name, from, to }: Span) => ({
      spanId: id,
      parentId,
      name,
      start: this.#nanoseconds(from),
      end: to === undefined ? undefined : this.#nanoseconds(to),
    });
    return {
      traceId,
      sampled,
      spans: [
        spanOf(parentId, this.#root),
        ...this.#spans.map((span) => spanOf(this.#root.id, span)),
      ],
    };
  }

  #setClock(): void {
    this.#wallOffset = Date.now() - performance.now();
  }

  /** Nanoseconds since 1970, as text: the number has more digits than a double holds. */
  #nanoseconds(time: number): string {
    const microseconds = Math.round((this.#wallOffset + time) * 1000);
    return `${BigInt(microseconds) * 1000n}`;
  }
}

/** The span of a transition or of one of its steps: a name, and when it began and ended. */
export class Span {
  readonly name: string;
  /** When it began and ended, by performance.now(). */
  readonly from = performance.now();
  to: number | undefined;
  readonly #caller: Traceparent;
  readonly #newId: () => string;
  #id: string | undefined;

  constructor(name: string, caller: Traceparent, newId: () => string) {
    this.name = name;
    this.#caller = caller;
    this.#newId = newId;
  }

  /** The id. It is made when it is first needed: a recovery needs none before its repairs. */
  get id(): string {
    return this.makeId();
  }

  /** Makes the id if there is none yet. */
  makeId(): string {
    return this.#id ??= this.#newId().slice(0, 16);
  }

  /** The `traceparent` of calls that are a part of this span. */
  get traceparent(): string {
    const { traceId, sampled } = this.#caller;
    return `00-${traceId}-${this.id}-0${Number(sampled)}`;
  }

  /** Ends the span. */
  end(): void {
    this.to = performance.now();
  }
}
