import { readlinkSync } from "node:fs";
import "../../../src/ports/forwarder_worker.ts";
import type { WorkerCommand } from "../../../src/ports/messages.ts";

const scope = globalThis as unknown as Worker;
const thread = Number(readlinkSync("/proc/thread-self").split("/").pop());
scope.postMessage({ thread });
const obey = scope.onmessage?.bind(scope);
scope.onmessage = (event: MessageEvent<WorkerCommand>) => {
  if (event.data.kind === "stop") return;
  obey?.(event);
};
