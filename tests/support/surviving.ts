/**
 * A program with errors that nothing catches; prints what was logged, as JSON. Run by
 * survive.test.ts.
 */
import process from "node:process";
import { surviveErrors } from "../../src/agent/survive.ts";
import { until } from "./until.ts";

const logged: string[] = [];
surviveErrors({
  error: (_message, fields) => void logged.push(String(fields?.error)),
});

function fail(what: string): never {
  throw new Error(what);
}

setTimeout(() => fail("timer"), 0);
queueMicrotask(() => fail("microtask"));
Promise.reject(new Error("promise"));
process.on("SIGUSR2", () => fail("event"));
process.kill(process.pid, "SIGUSR2");
await until("all errors", () => logged.length === 4);
console.log(JSON.stringify(logged.sort()));
process.exit(0);
