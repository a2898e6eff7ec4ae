/**
 * Random lives of an agent: which deeds there are, and how often each comes.
 */
import fc from "fast-check";
import { KINDS } from "../../src/lifecycle/request.ts";
import type { Command } from "./command.ts";
import { expire, freeze, hangUp, health, prepare, storm } from "./deeds.ts";
import { close, connect, forwarded, listen, settled } from "./guest_deeds.ts";
import {
  die,
  leave,
  overrun,
  refuse,
  register,
  secondAgent,
} from "./hook_deeds.ts";
import { join, type Names } from "./join_deeds.ts";
import { race, read, wrong } from "./race_deeds.ts";
import { recover, type Told } from "./recover_deeds.ts";
import type { Kind } from "./world.ts";

const times = fc.constantFrom(0, 1, 3, 10, 30, 60);
const PREPARE = "POST /snapshot/prepare";
const PREPARE_ONE = "POST /snapshot/prepare?operation=one&lease=30";
const PREPARE_TWO = "POST /snapshot/prepare?operation=two";
const RECOVER = "POST /snapshot/recover";
const HEALTH = "GET /health";

const leases = fc.constantFrom(undefined, 30, 600);
/** What hosts tell a recovery, each with or without the others. */
const told = {
  operation: fc.constantFrom<Told["operation"]>("current", "former", "other"),
  outcome: fc.constantFrom<Told["outcome"]>("restored", "resumed", "aborted"),
  hostTime: fc.boolean(),
  entropy: fc.boolean(),
  requireEntropy: fc.boolean(),
};

/** Sequences of commands; what is slow is rare. */
export function commands(most: number, replayPath?: string) {
  const constant = (...all: Command[]) => fc.constantFrom(...all);
  const weighted = (weight: number, arbitrary: fc.Arbitrary<Command>) =>
    Array.from({ length: weight }, () => arbitrary);
  return fc.commands([
    ...weighted(14, constant(health)),
    ...weighted(5, constant(recover({}))),
    ...weighted(9, fc.record(told, { requiredKeys: [] }).map(recover)),
    ...weighted(
      3,
      fc.tuple(
        fc.boolean(),
        leases,
        fc.option(fc.stringMatching(/^[\w.:-]{1,64}$/), { nil: undefined }),
        fc.constantFrom(undefined, ...KINDS),
      ).map((asked) => prepare(...asked)),
    ),
    ...weighted(
      2,
      fc.tuple(
        fc.tuple(fc.constantFrom(30, 600), fc.constantFrom(30, 600)),
        fc.constantFrom<Names>("one", "two", "none"),
      ).map(([leases, names]) => join(leases, names)),
    ),
    ...weighted(
      34,
      fc.constantFrom("/snapshot", "/metrics", "/openapi.json").map(read),
    ),
    ...weighted(
      20,
      constant(
        wrong("POST", "/snapshot/prepare", '{"lease":-1}'),
        wrong("POST", "/snapshot/prepare", '{"kind":"whole"}'),
        wrong("POST", "/snapshot/prepare", "garbage"),
        wrong("POST", "/snapshot/recover", '{"outcome":"expired"}'),
        wrong("DELETE", "/snapshot", ""),
        wrong("GET", "/nowhere", ""),
      ),
    ),
    ...weighted(
      20,
      fc.constantFrom<Kind>("idle", "half", "body", "silent").map(connect),
    ),
    ...weighted(1, fc.constantFrom(2, 10, 30).map(storm)),
    ...weighted(1, constant(settled)),
    ...weighted(1, constant(hangUp)),
    ...weighted(1, fc.constantFrom(0.02, 0.3).map(expire)),
    ...weighted(1, fc.tuple(times, times).map(([a, b]) => freeze(a, b))),
    ...weighted(
      1,
      fc.array(
        fc.constantFrom(PREPARE, PREPARE_ONE, PREPARE_TWO, RECOVER, HEALTH),
        { minLength: 2, maxLength: 5 },
      ).map((calls) => race(...calls)),
    ),
    ...weighted(2, constant(listen)),
    ...weighted(2, constant(close)),
    ...weighted(1, constant(forwarded)),
    ...weighted(2, fc.boolean().map(refuse)),
    ...weighted(1, fc.constantFrom("refuse", "lenient").map(overrun)),
    ...weighted(2, fc.boolean().map(register)),
    ...weighted(1, constant(die)),
    ...weighted(2, constant(leave)),
    ...weighted(1, constant(secondAgent)),
  ], { maxCommands: most, size: "max", replayPath });
}
