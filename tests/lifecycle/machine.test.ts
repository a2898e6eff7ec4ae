import assert from "node:assert/strict";
import { test } from "node:test";
import {
  IllegalTransition,
  Machine,
  type Phase,
  type State,
} from "../../src/lifecycle/machine.ts";

const STATES: State[] = [
  "running",
  "preparing",
  "quiesced",
  "undoing",
  "recovering",
];
const LEGAL = [
  "running preparing",
  "preparing quiesced",
  "preparing undoing",
  "quiesced recovering",
  "undoing running",
  "recovering running",
];
const WAY: Record<State, State[]> = {
  running: [],
  preparing: ["preparing"],
  quiesced: ["preparing", "quiesced"],
  undoing: ["preparing", "undoing"],
  recovering: ["preparing", "quiesced", "recovering"],
};

/** A phase of that state; the transitions do not look at its data. */
function phaseOf(state: State): Phase {
  return { state } as Phase;
}

test("the transitions are those of the design, and no others", () => {
  for (const from of STATES) {
    for (const to of STATES) {
      const machine = new Machine();
      for (const state of WAY[from]) machine.to(phaseOf(state));
      assert.equal(machine.phase.state, from);
      if (LEGAL.includes(`${from} ${to}`)) {
        machine.to(phaseOf(to));
        assert.equal(machine.phase.state, to);
      } else {
        assert.throws(() => machine.to(phaseOf(to)), IllegalTransition);
        assert.equal(machine.phase.state, from);
      }
    }
  }
});
