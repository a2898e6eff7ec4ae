/**
 * Reads the values of the flags of a command that calls an agent.
 * @module
 */
import { ConfigError, refuseValue } from "../config/error.ts";
import { isJsonObject } from "../util/json_input.ts";

/** The flags of one command. */
export class Flags {
  readonly #command: string;
  readonly #given: Readonly<Record<string, string | true>>;

  constructor(
    command: string,
    given: Readonly<Record<string, string | true>>,
  ) {
    this.#command = command;
    this.#given = given;
  }

  /** Whether the switch is given. */
  isOn(name: string): boolean {
    return this.#given[name] === true;
  }

  /** The text of the flag; undefined if it is not given. */
  text(name: string): string | undefined {
    const value = this.#given[name];
    return value === true ? undefined : value;
  }

  /** One of the words; undefined if the flag is not given. */
  word<const W extends string>(
    name: string,
    words: readonly W[],
  ): W | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    refuseValue(`--${name}`, words.join(" or "), text);
  }

  /** A number of seconds above 0; undefined if the flag is not given. */
  seconds(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
    if (seconds > 0) return seconds;
    refuseValue(`--${name}`, "a number of seconds above 0", text);
  }

  /** A JSON object; undefined if the flag is not given. */
  object(name: string): Record<string, unknown> | undefined {
    return this.#json(name, "a JSON object", isJsonObject);
  }

  /** A JSON object or a list of them; undefined if the flag is not given. */
  objects(name: string): object | undefined {
    const isSome = (value: unknown): value is object =>
      Array.isArray(value)
        ? value.length > 0 && value.every(isJsonObject)
        : isJsonObject(value);
    return this.#json(name, "a JSON object or a list of them", isSome);
  }

  #json<T>(
    name: string,
    expected: string,
    is: (value: unknown) => value is T,
  ): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      if (is(value)) return value;
    } catch { /* no JSON */ }
    refuseValue(`--${name}`, expected, text);
  }

  /** The result of `make`; its TypeError says what is wrong with the flag. */
  check<T>(name: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const expected = error.message.replace(/^.*expected /, "");
      refuseValue(`--${name}`, expected, this.text(name));
    }
  }

  /** The error of a flag that is needed. */
  missing(name: string, value: string): ConfigError {
    return new ConfigError(
      `Cannot run ${this.#command}: expected --${name} ${value}, got none`,
    );
  }
}
