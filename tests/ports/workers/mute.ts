import { readlinkSync } from "node:fs";

const scope = globalThis as unknown as Worker;
const tid = Number(readlinkSync("/proc/thread-self").split("/").pop());
scope.postMessage({ tid });
scope.postMessage({ thread: tid });
scope.onmessage = () => {};
