/**
 * Remembers which of the agent's addresses have moved: its configuration has those of the machine
 * from which the forks were made, and a restarted agent would wait for them without end.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { resultUnless } from "../util/errors.ts";

const Moves = v.record(v.string(), v.string());

function fileIn(directory: string): string {
  return join(directory, "moved-addresses");
}

/** The addresses that have moved, each with the one that it has now. Throws on a corrupt file. */
export function movedAddresses(directory: string): ReadonlyMap<string, string> {
  const text = resultUnless(
    ["ENOENT"],
    () => readFileSync(fileIn(directory), "utf8"),
  );
  const moves = text === undefined ? {} : v.parse(Moves, JSON.parse(text));
  return new Map(Object.entries(moves));
}

/** Adds moves. An address that moves again is at the last place. */
export function saveMoves(
  directory: string,
  moves: ReadonlyMap<string, string>,
): void {
  const all = new Map(movedAddresses(directory));
  for (const [from, to] of all) all.set(from, moves.get(to) ?? to);
  for (const [from, to] of moves) all.set(from, to);
  for (const [from, to] of all) if (from === to) all.delete(from);
  mkdirSync(directory, { recursive: true });
  writeFileSync(fileIn(directory), JSON.stringify(Object.fromEntries(all)));
}
