/**
 * A router of Hono for apps whose paths have no parameters. It builds nothing in advance: Hono's own
 * default makes regular expressions at the first request, which takes Bun 2 ms of the start.
 * @module
 */
import type { Params, Router } from "hono/router";

/** The path of middleware, which Hono calls for every request. */
const EVERY_PATH = "/*";
/** The method of a route for every method, as Hono names it. */
const EVERY_METHOD = "ALL";
const NO_PARAMS: Params = Object.freeze(Object.create(null));

/** Matches routes by their exact paths, and middleware for every path. */
export class ExactRouter<T> implements Router<T> {
  readonly name = "ExactRouter";
  readonly #routes: (readonly [method: string, path: string, handler: T])[] =
    [];

  /** Adds a route. Fails if the path has a parameter, or a wildcard that is not the whole path. */
  add(method: string, path: string, handler: T): void {
    if (path !== EVERY_PATH && /[*:?{]/.test(path)) {
      throw new Error(`Cannot add the route ${path}: it is not one exact path`);
    }
    this.#routes.push([method, path, handler]);
  }

  /** The handlers of the request, in the order in which they were added. */
  match(method: string, path: string): [[T, Params][]] {
    return [
      this.#routes
        .filter(([of, at]) =>
          (of === EVERY_METHOD || of === method) &&
          (at === EVERY_PATH || at === path)
        )
        .map(([, , handler]): [T, Params] => [handler, NO_PARAMS]),
    ];
  }
}
