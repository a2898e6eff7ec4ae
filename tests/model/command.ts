/**
 * One step of a random life.
 */
import type fc from "fast-check";
import { type Model, verify } from "./model.ts";
import type { World } from "./world.ts";

/** One thing that is done, and what it does to the model. */
type Deed = (model: Model, world: World) => Promise<void>;

/** How many commands were carried out, all runs together. */
export const carriedOut = { count: 0 };

/** A command: a deed, then a look at whether model and world agree. */
export class Command implements fc.AsyncCommand<Model, World> {
  readonly #name: string;
  readonly #deed: Deed;

  constructor(name: string, deed: Deed) {
    this.#name = name;
    this.#deed = deed;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, world: World): Promise<void> {
    carriedOut.count++;
    await this.#deed(model, world);
    await verify(model, world);
  }

  toString(): string {
    return this.#name;
  }
}
