import assert from "node:assert/strict";
import { test } from "node:test";
import {
  IllegalTransition,
  Machine,
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

test("the transitions are those of the design, and no others", () => {
  for (const from of STATES) {
    for (const to of STATES) {
      const machine = new Machine();
      for (const state of WAY[from]) machine.to(state);
      assert.equal(machine.state, from);
      if (LEGAL.includes(`${from} ${to}`)) {
        machine.to(to);
        assert.equal(machine.state, to);
      } else {
        assert.throws(() => machine.to(to), IllegalTransition);
        assert.equal(machine.state, from);
      }
    }
  }
});
