/**
 * What hooks and registered programs of the guest do.
 */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { Command } from "./command.ts";
import { isRefused, type Model, quiesced, undone } from "./model.ts";
import type { World } from "./world.ts";

export function refuse(refuses: boolean): Command {
  return new Command(`refuse(${refuses})`, (model, world) => {
    if (model.refuses !== refuses) {
      world.programs.setHook("refuse", refuses && "fails");
    }
    model.refuses = refuses;
    return Promise.resolve();
  });
}

/** A freeze runs past its limit: of a hook that is required, or may fail. */
export function overrun(name: "refuse" | "lenient"): Command {
  return new Command(`overrun(${name})`, async (model, world) => {
    if (model.quiesced || isRefused(model)) return;
    world.programs.setHook(name, "hangs");
    const sentAt = performance.now();
    const path = "/snapshot/prepare?wait=settled";
    const { status, body } = await world.ask("POST", path);
    // One that was called stays: it gets its thaw.
    world.programs.setHook(name, name === "lenient" && "holds");
    const id = (await world.status()).operation?.operation;
    if (name === "refuse") {
      assert.equal(status, 503, body);
      assert.match(body, /not done within 1500 ms/);
      return undone(model, id, "failure");
    }
    assert.equal(status, 200, body);
    quiesced(model, id, undefined, sentAt);
    model.settled = true;
    await world.allGone();
  });
}

/** A program registers for requests, again if need be. */
export function register(required: boolean): Command {
  return new Command(`register(${required})`, async (model, world) => {
    const { program } = world.programs;
    const owed = owedTo(model, world);
    // What it heard before belongs to an operation that it may not see the end of.
    if (!program.lives || !model.quiesced) program.calls = [];
    if (!program.lives) await program.listen();
    await world.programs.register(required ? "abort" : "continue");
    model.program = { lives: true, required };
    if (owed === undefined) return;
    await until(
      "the thaw that is owed",
      () =>
        program.calls.some(({ phase, operation }) =>
          phase === "thaw" && operation === owed
        ),
    );
  });
}

/** The operation whose thaw the program did not get because it had died. */
function owedTo(model: Model, { programs }: World): string | undefined {
  const { program } = programs;
  if (model.quiesced || program.lives) return;
  const last = program.calls.at(-1);
  return last?.phase === "freeze" ? last.operation : undefined;
}

/** A registered program dies, and is still registered. */
export const die = new Command("die()", (model, world) => {
  if (model.program === undefined) return Promise.resolve();
  model.program.lives = false;
  world.programs.program.close();
  return Promise.resolve();
});

/** A registered program takes its registration back, and ends. */
export const leave = new Command("leave()", async (model, world) => {
  if (model.program === undefined) return;
  await world.programs.leave();
  model.program = undefined;
});

/** Another agent on the same runtime directory ends, and touches nothing. */
export const secondAgent = new Command(
  "secondAgent()",
  (_, world) => world.startAnother(),
);
