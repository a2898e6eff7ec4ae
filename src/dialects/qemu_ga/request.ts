/**
 * Checks requests and their arguments. The texts of the errors are those of the QEMU guest agent.
 * @module
 */
import { named, ProtocolError } from "./errors.ts";
import type { Json } from "./json.ts";

/** A request of the right form. */
export interface Request {
  readonly command: string;
  readonly args: { readonly [name: string]: Json };
  /** The reply has it again; undefined if the request has none. */
  readonly id: Json | undefined;
}

/** The types of arguments. */
type ParameterType = "integer" | "string" | "array";

/** The arguments of a command: names that end in `?` are optional. */
export type Parameters = Readonly<Record<string, ParameterType>>;

/** The limits of an integer of the protocol: 64 bits with a sign. */
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** The id of a request, for the reply to one that is wrong in another part. */
export function idOf(request: Json): Json | undefined {
  return isObject(request) ? request.id : undefined;
}

/** Checks the form of a request; throws a ProtocolError. */
export function checkRequest(request: Json): Request {
  if (!isObject(request)) {
    throw new ProtocolError("QMP input must be a JSON object");
  }
  const { execute, arguments: args = {}, id, ...rest } = request;
  const [unexpected] = Object.keys(rest);
  if (unexpected !== undefined) {
    throw new ProtocolError(
      `QMP input member '${named(unexpected)}' is unexpected`,
    );
  }
  if (execute === undefined) {
    throw new ProtocolError("QMP input lacks member 'execute'");
  }
  if (typeof execute !== "string") {
    throw new ProtocolError("QMP input member 'execute' must be a string");
  }
  if (!isObject(args)) {
    throw new ProtocolError("QMP input member 'arguments' must be an object");
  }
  return { command: execute, args, id };
}

/** Checks the arguments of a command; throws a ProtocolError. */
export function checkArguments(
  args: Request["args"],
  parameters: Parameters,
): void {
  for (const [key, type] of Object.entries(parameters)) {
    const name = key.replace(/\?$/, "");
    const value = args[name];
    if (value === undefined) {
      if (key !== name) continue;
      throw new ProtocolError(`Parameter '${name}' is missing`);
    }
    if (isOfType(value, type)) continue;
    throw new ProtocolError(
      `Invalid parameter type for '${name}', expected: ${type}`,
    );
  }
  const known = Object.keys(parameters).map((key) => key.replace(/\?$/, ""));
  const unexpected = Object.keys(args).find((name) => !known.includes(name));
  if (unexpected !== undefined) {
    throw new ProtocolError(`Parameter '${named(unexpected)}' is unexpected`);
  }
}

function isOfType(value: Json, type: ParameterType): boolean {
  switch (type) {
    case "integer":
      return Number.isSafeInteger(value) ||
        (typeof value === "bigint" && value >= LEAST && value <= MOST);
    case "string":
      return typeof value === "string";
    case "array":
      // The only array of the protocol is one of paths.
      return Array.isArray(value) &&
        value.every((one) => typeof one === "string");
  }
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
