/**
 * Trees whose identity the tests renew.
 */
import { join } from "node:path";
import { after } from "node:test";
import { Renewer } from "../../src/identity/renewer.ts";
import type { RenewedItem } from "../../src/lifecycle/reports.ts";
import type { Renewable } from "../../src/lifecycle/request.ts";
import { temporary } from "../support/hooks.ts";
import { makeTree } from "../support/identity_tree.ts";

const directory = temporary();
after(directory.remove);
let count = 0;

/** A tree with an identity, and what renews the items in it. */
export function guest(dbus: "link" | "file" = "link") {
  const root = join(directory.path, `root-${count++}`);
  makeTree(root, dbus);
  const renewer = new Renewer({
    libc: {},
    directory: `${root}-memory`,
    root,
    limitMs: 30_000,
  });
  const renew = (
    items: readonly Renewable[],
    generation = 1,
    signal = new AbortController().signal,
  ) => renewer.renew({ items, generation, onDisk: true, signal });
  return { root, renew };
}

/** The status of each item. */
export function statusOf(
  items: readonly RenewedItem[],
): Record<string, string> {
  return Object.fromEntries(items.map(({ item, status }) => [item, status]));
}
