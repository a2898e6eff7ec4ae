/**
 * Two hosts that prepare at once.
 */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import type { Reply } from "../support/wire.ts";
import { Command } from "./command.ts";
import { isRefused, quiesced, renewed, undone } from "./model.ts";

/** Whether the two name one operation, two, or none. */
export type Names = "one" | "two" | "none";

let joins = 0;

/**
 * The second one joins the first, or renews its lease, which is the longer of the
 * two; a host that means another operation is refused, and changes nothing.
 */
export function join(
  leases: readonly [number, number],
  names: Names,
): Command {
  return new Command(`join(${leases}, ${names})`, async (model, world) => {
    const number = ++joins;
    const ids = {
      one: [`join-${number}`, `join-${number}`],
      two: [`join-${number}a`, `join-${number}b`],
      none: [undefined, undefined],
    }[names];
    const calls = leases.map((lease, i) => {
      const name = ids[i] === undefined ? "" : `&operation=${ids[i]}`;
      return `POST /snapshot/prepare?lease=${lease}${name}`;
    });
    const sentAt = performance.now();
    const replies = await world.atOnce(calls);
    const held = replies.filter(({ status }) => status === 204);
    for (const { status, body } of replies) {
      if (status === 409) assert.match(body, /other-operation/);
    }
    const statuses = replies.map(({ status }) => status).sort();
    if (model.quiesced) {
      const expected = names === "none" ? 204 : 409;
      assert.deepEqual(statuses, [expected, expected]);
      if (names !== "none") return await world.closeAll();
      for (const lease of leases) renewed(model, lease, sentAt);
    } else if (isRefused(model)) {
      // The second of two names may come while the first is at work.
      const refused = names === "two" && statuses[0] === 409 ? 409 : 503;
      assert.deepEqual(statuses, [refused, 503]);
      await until("the undo", async () => {
        return (await world.freshStatus()).state === "running";
      });
      const { operation } = await world.freshStatus();
      undone(model, operation?.operation, "failure");
    } else {
      assert.deepEqual(statuses, names === "two" ? [204, 409] : [204, 204]);
      const [first] = held;
      const lease = names === "two"
        ? leases[replies.indexOf(first)]
        : Math.max(...leases);
      assert.equal(new Set(held.map(idOf)).size, 1, "one operation");
      quiesced(model, idOf(first), lease, sentAt);
    }
    await world.closeAll();
  });
}

function idOf({ operation }: Reply): string | undefined {
  return operation;
}
