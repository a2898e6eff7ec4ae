/**
 * The forwarder's worker on Deno, whose pool has no thread left for a while when it is to forward: a
 * wait for sockets begins late.
 * @module
 */
import "./telling.ts";
import type { WorkerCommand } from "../../../src/ports/messages.ts";

/** The pool of a worker of Deno has 32 threads. */
const CALLS = 32;
const CALL_US = 200_000;

const { usleep } = Deno.dlopen("libc.so.6", {
  usleep: { parameters: ["u32"], result: "i32", nonblocking: true },
}).symbols;

const scope = globalThis as unknown as Worker;
const obey = scope.onmessage?.bind(scope);
scope.onmessage = (event: MessageEvent<WorkerCommand>) => {
  if (event.data.kind === "forward") {
    for (let i = 0; i < CALLS; i++) void usleep(CALL_US);
  }
  obey?.(event);
};
