/**
 * Random lives of an agent: which deeds there are, and how often each comes.
 */
import fc from "fast-check";
import type { Command } from "./command.ts";
import {
  expire,
  freeze,
  hangUp,
  health,
  prepare,
  race,
  read,
  recover,
  storm,
  wrong,
} from "./deeds.ts";
import {
  close,
  connect,
  forwarded,
  listen,
  refuse,
  settled,
} from "./guest_deeds.ts";
import type { Kind } from "./world.ts";

const times = fc.constantFrom(0, 1, 3, 10, 30, 60);
const PREPARE = "POST /snapshot/prepare";
const RECOVER = "POST /snapshot/recover";
const HEALTH = "GET /health";

/** Sequences of commands; what is slow is rare. */
export function commands(most: number, replayPath?: string) {
  const constant = (...all: Command[]) => fc.constantFrom(...all);
  const weighted = (weight: number, arbitrary: fc.Arbitrary<Command>) =>
    Array.from({ length: weight }, () => arbitrary);
  return fc.commands([
    ...weighted(14, constant(health)),
    ...weighted(
      5,
      fc.constantFrom(undefined, "restored", "resumed", "aborted").map(recover),
    ),
    ...weighted(
      3,
      fc.tuple(
        fc.boolean(),
        fc.constantFrom(undefined, 30, 600),
        fc.option(fc.stringMatching(/^[\w.:-]{1,64}$/), { nil: undefined }),
      ).map(([wait, lease, operation]) => prepare(wait, lease, operation)),
    ),
    ...weighted(
      34,
      fc.constantFrom("/snapshot", "/metrics", "/openapi.json").map(read),
    ),
    ...weighted(
      20,
      constant(
        wrong("POST", "/snapshot/prepare", '{"lease":-1}'),
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
    ...weighted(1, constant(expire)),
    ...weighted(1, fc.tuple(times, times).map(([a, b]) => freeze(a, b))),
    ...weighted(
      1,
      fc.array(fc.constantFrom(PREPARE, RECOVER, HEALTH), {
        minLength: 2,
        maxLength: 5,
      }).map((calls) => race(...calls)),
    ),
    ...weighted(2, constant(listen)),
    ...weighted(2, constant(close)),
    ...weighted(1, constant(forwarded)),
    ...weighted(2, fc.boolean().map(refuse)),
  ], { maxCommands: most, size: "max", replayPath });
}
