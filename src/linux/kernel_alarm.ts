/**
 * An alarm of the kernel: timerfd_create(2). Nothing is left of it when it is cleared. Deno's event loop
 * wakes up at the end of a timer that was cleared, and two more times before a long timer ends.
 * @module
 */
import type { DescriptorWatch, Runtime } from "../runtime/types.ts";
import { type Alarm, runtimeAlarm, SharedTimers } from "../util/timers.ts";
import { checked, type Libc, requireSymbol } from "./libc.ts";
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from "./socket_constants.ts";

/** The clock of performance.now() (time.h). */
const CLOCK_MONOTONIC = 1;
/** struct itimerspec: the interval and the time, each in seconds and nanoseconds of 64 bits. */
const SPEC_BYTES = 32;
const SECONDS = 16;
const NANOSECONDS = 24;
/** Times in milliseconds: the kernel takes 0 for no time at all, and a nanosecond is its shortest one. */
const NEVER = 0;
const AT_ONCE = 1e-6;

/** An alarm by a descriptor, which is opened when the alarm is first set. */
export class KernelAlarm implements Alarm {
  readonly #libc: Libc;
  readonly #runtime: Pick<Runtime, "watchDescriptor">;
  readonly #action: () => void;
  /** Takes the place of the kernel's alarm if no descriptor is free. */
  readonly #spare: Alarm;
  #watch: DescriptorWatch | undefined;
  #isSet = false;
  #ended = false;

  constructor(
    libc: Libc,
    runtime: Pick<Runtime, "watchDescriptor">,
    action: () => void,
  ) {
    this.#libc = libc;
    this.#runtime = runtime;
    this.#action = action;
    this.#spare = runtimeAlarm(() => this.#expire());
  }

  set(ms: number): void {
    this.#isSet = true;
    try {
      this.#open();
      this.#time(Math.max(ms, AT_ONCE));
      this.#spare.clear();
    } catch {
      this.#spare.set(ms);
    }
  }

  clear(): void {
    if (!this.#isSet) return;
    this.#isSet = false;
    this.#spare.clear();
    if (this.#watch !== undefined) this.#time(NEVER);
  }

  /** Closes the descriptor, and ends the thread that reads it. */
  end(): void {
    this.clear();
    this.#ended = true;
    // Ends the read that is under way.
    if (this.#watch !== undefined) this.#time(AT_ONCE);
  }

  #open(): void {
    if (this.#watch !== undefined) return;
    const watch = this.#runtime.watchDescriptor((nonBlocking) =>
      checked(
        this.#libc,
        requireSymbol(this.#libc, "timerfd_create")(
          CLOCK_MONOTONIC,
          SOCK_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0),
        ),
        "make",
        "a timerfd",
      )
    );
    this.#watch = watch;
    void this.#run(watch);
  }

  async #run(watch: DescriptorWatch): Promise<void> {
    try {
      while (!this.#ended) {
        await watch.next();
        if (!this.#ended) this.#expire();
      }
    } catch {
      // The alarm is opened again when it is set again; until then, the spare one has its place.
      if (this.#isSet) this.#spare.set(0);
    } finally {
      this.#watch = undefined;
      watch.end();
      requireSymbol(this.#libc, "close")(watch.fd);
    }
  }

  #expire(): void {
    if (!this.#isSet) return;
    this.#isSet = false;
    try {
      this.#action();
    } catch (error) {
      // An error of an action is not one of the alarm: the runtime reports it, as that of a timer.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Sets the time of the descriptor, in milliseconds from now. */
  #time(ms: number): void {
    const spec = new DataView(new ArrayBuffer(SPEC_BYTES));
    const nanoseconds = BigInt(Math.ceil(ms * 1e6));
    spec.setBigUint64(SECONDS, nanoseconds / 1_000_000_000n, true);
    spec.setBigUint64(NANOSECONDS, nanoseconds % 1_000_000_000n, true);
    const bytes = new Uint8Array(spec.buffer);
    const set = requireSymbol(this.#libc, "timerfd_settime");
    const result = set(this.#watch!.fd, 0, bytes, null);
    checked(this.#libc, result, "set", "a timerfd");
  }
}

/** The timers of work that may wait. None of them wakes the process after it was cancelled. */
export function createTimers(
  libc: Libc,
  runtime: Pick<Runtime, "forgetsTimers" | "watchDescriptor">,
): SharedTimers {
  return runtime.forgetsTimers
    ? new SharedTimers()
    : new SharedTimers((action) => new KernelAlarm(libc, runtime, action));
}
