import { readlinkSync } from "node:fs";
import "../../../src/ports/forwarder_worker.ts";

const thread = Number(readlinkSync("/proc/thread-self").split("/").pop());
(globalThis as unknown as Worker).postMessage({ thread });
