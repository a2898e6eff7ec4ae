/**
 * node:process in the bundle for Deno: what Lull uses.
 * @module
 */
import { promises } from "./fs_promises.ts";

/** The variables of the environment. They are read and removed, and not set. */
const env = new Proxy({} as Record<string, string | undefined>, {
  get: (_, name) => typeof name === "string" ? Deno.env.get(name) : undefined,
  has: (_, name) => typeof name === "string" && Deno.env.has(name),
  ownKeys: () => Object.keys(Deno.env.toObject()),
  deleteProperty(_, name) {
    Deno.env.delete(String(name));
    return true;
  },
  getOwnPropertyDescriptor(_, name) {
    const value = Deno.env.get(String(name));
    if (value === undefined) return undefined;
    return { value, writable: true, enumerable: true, configurable: true };
  },
});

type Listener = (reason?: unknown) => void;

/** Calls back at a signal, or when no code has caught an error, which then does not end the process. */
function on(name: string, listener: Listener): void {
  if (name === "uncaughtException") {
    addEventListener("error", (event) => {
      event.preventDefault();
      listener((event as ErrorEvent).error);
    });
  } else if (name === "unhandledRejection") {
    addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      listener((event as PromiseRejectionEvent).reason);
    });
  } else Deno.addSignalListener(name as Deno.Signal, listener);
}

function off(signal: string, listener: Listener): void {
  Deno.removeSignalListener(signal as Deno.Signal, listener);
}

export default {
  env,
  arch: Deno.build.arch === "x86_64" ? "x64" : "arm64",
  pid: Deno.pid,
  on,
  off,
  get argv() {
    return [Deno.execPath(), Deno.mainModule, ...Deno.args];
  },
  get execPath() {
    return Deno.execPath();
  },
  get exitCode() {
    return Deno.exitCode;
  },
  set exitCode(code: number) {
    Deno.exitCode = code;
  },
  exit: (code?: number) => Deno.exit(code),
  getuid: () => Deno.uid(),
  umask: (mask?: number) => Deno.umask(mask),
  memoryUsage: () => Deno.memoryUsage(),

  // What loads Node's modules: programs, commands of the command line, and rare features.
  get stdout() {
    return globalThis.process.stdout;
  },
  get stderr() {
    return globalThis.process.stderr;
  },
  kill: (pid: number, signal: string) => globalThis.process.kill(pid, signal),
  getBuiltinModule: (name: string) =>
    name === "node:fs/promises"
      ? promises
      : globalThis.process.getBuiltinModule(name),
};
