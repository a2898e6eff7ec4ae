/**
 * Loads the dialects that are switched on, and no others.
 * @module
 */
import type { DialectName } from "../config/dialects.ts";
import { parseDialect } from "../config/dialects.ts";
import type { DialectRoute } from "../http/routes/route.ts";
import type { ListenAddress } from "../runtime/types.ts";
import type { Dialect, DialectContext } from "./dialect.ts";

/** Loads and makes each dialect. */
const LOADERS: Readonly<
  Record<DialectName, (context: DialectContext) => Promise<Dialect>>
> = {
  async wrenn(context) {
    return (await import("./wrenn/dialect.ts")).wrennDialect(context);
  },
  async e2b(context) {
    return (await import("./e2b/dialect.ts")).e2bDialect(context);
  },
  async "qemu-ga"(context) {
    return (await import("./qemu_ga/dialect.ts")).qemuGaDialect(context);
  },
};

/** A listener of one dialect. */
export interface DialectListener {
  readonly at: ListenAddress;
  readonly dialect: Dialect;
}

/** All dialects that are switched on. */
export interface LoadedDialects {
  /** The routes on Lull's own listeners. */
  readonly shared: readonly DialectRoute[];
  readonly listeners: readonly DialectListener[];
  /** Opens the dialects' own transports; resolves to the function that closes them. */
  open(): Promise<() => void>;
}

/** Loads the dialects of the option `dialects`. Each dialect is made once. */
export async function loadDialects(
  texts: readonly string[],
  context: DialectContext,
): Promise<LoadedDialects> {
  const made = new Map<DialectName, Dialect>();
  const shared = new Set<DialectRoute>();
  const listeners: DialectListener[] = [];
  for (const text of texts) {
    const choice = parseDialect(text);
    if (choice === undefined) continue; // the configuration is checked already
    const { name, at } = choice;
    const dialect = made.get(name) ?? await LOADERS[name](context);
    made.set(name, dialect);
    if (at !== undefined) listeners.push({ at, dialect });
    else for (const route of dialect.routes ?? []) shared.add(route);
  }
  return {
    shared: [...shared],
    listeners,
    async open() {
      const closers: (() => void)[] = [];
      for (const { open } of made.values()) {
        if (open !== undefined) closers.push(await open());
      }
      return () => {
        for (const close of closers) close();
      };
    },
  };
}
