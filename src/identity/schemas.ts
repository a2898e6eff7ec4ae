/**
 * The schemas of the identity, the credentials and the variables that a caller may give a fork.
 * The names in these objects are the caller's: an error does not repeat them.
 * @module
 */
import * as v from "valibot";
import {
  canHold,
  RESERVED_NAMES,
  VARIABLE_NAME,
  VARIABLE_VALUE,
  type Variables,
} from "./env_file.ts";
import { type Credential, RENEWABLE } from "../lifecycle/request.ts";
import { isJsonObject, stated } from "../util/json_input.ts";

// The OpenAPI document contains these patterns: see network/identity.ts.

const RENEW_WORDS = `a list of ${RENEWABLE.join(", ")} or all`;

/** The items to renew; the word `all` stands for each of them. */
export const Renew = v.pipe(
  v.array(v.picklist([...RENEWABLE, "all"], RENEW_WORDS), RENEW_WORDS),
  v.minLength(1, RENEW_WORDS),
  v.maxLength(16, RENEW_WORDS),
  v.description(
    "Items of the machine's identity that this fork gets anew. An item that was renewed since the restore stays.",
  ),
  v.transform((words) =>
    RENEWABLE.filter((item) => words.includes("all") || words.includes(item))
  ),
);

/** Whether the new identity is written to the disk. */
export const RenewOnDisk = v.pipe(
  v.boolean("true or false"),
  v.description(
    "Write the new identity to the disk, so that it outlives a reboot. Without it, files in memory are mounted over the old ones.",
  ),
);

/** Whether the guest counts as unhealthy until its identity is new. */
export const RequireRenewed = v.pipe(
  v.boolean("true or false"),
  v.description(
    "Reply with 503, to health checks too, until every item of renew is renewed.",
  ),
);

/** The most files that one call may bring. */
const MOST_CREDENTIALS = 64;
const CREDENTIAL_NAME = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$";
const BASE64 =
  "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
const MODE = "^0?[0-7]{3}$";
/** The kernel's (uid_t) -1 means "no change" to chown(2). */
const MOST_ID = 4_294_967_294;

const CREDENTIALS_WORDS =
  `at most ${MOST_CREDENTIALS} objects {data: base64, uid, gid, mode: "0600"} with names of ` +
  "A-Z a-z 0-9 _ . -, at most 128 characters, the first no dot and no dash";

const id = { type: "integer", minimum: 0, maximum: MOST_ID } as const;

/** The secrets of a fork; the output is a map of bytes and numbers. */
export const Credentials = v.pipe(
  anything<GivenCredentials>(),
  stated<GivenCredentials>(isCredentials, CREDENTIALS_WORDS, {
    type: "object",
    maxProperties: MOST_CREDENTIALS,
    propertyNames: { pattern: CREDENTIAL_NAME },
    additionalProperties: {
      type: "object",
      properties: {
        data: {
          type: "string",
          pattern: BASE64,
          description: "The content, in base64.",
        },
        uid: { ...id, description: "Owner of the file; the default is root." },
        gid: { ...id, description: "Group of the file; the default is root." },
        mode: {
          type: "string",
          pattern: MODE,
          description: "Permissions, in octal digits; the default is 0600.",
        },
      },
      required: ["data"],
      additionalProperties: false,
    },
  }),
  v.description(
    "Secrets of this fork, which become files in /run/credentials/lull by their names. The next prepare overwrites them.",
  ),
  v.transform(credentialsOf),
);

type GivenCredentials = Readonly<
  Record<string, {
    readonly data: string;
    readonly uid?: number;
    readonly gid?: number;
    readonly mode?: string;
  }>
>;

function isCredentials(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const entries = Object.entries(value);
  return entries.length <= MOST_CREDENTIALS &&
    entries.every(([name, one]) =>
      matches(CREDENTIAL_NAME, name) && isJsonObject(one) && isCredential(one)
    );
}

function isCredential({
  data,
  uid = 0,
  gid = 0,
  mode = "0600",
  ...rest
}: Readonly<Record<string, unknown>>): boolean {
  return matches(BASE64, data) && matches(MODE, mode) &&
    [uid, gid].every((id) =>
      Number.isInteger(id) && Number(id) >= 0 && Number(id) <= MOST_ID
    ) && Object.keys(rest).length === 0;
}

function credentialsOf(
  given: GivenCredentials,
): ReadonlyMap<string, Credential> {
  return new Map(
    Object.entries(given).map(([name, { data, mode, ...owner }]) => [name, {
      ...owner,
      data: bytesOf(data),
      ...mode === undefined ? {} : { mode: parseInt(mode, 8) },
    }]),
  );
}

/** The most variables that one call may bring. */
const MOST_VARIABLES = 256;

const ENV_WORDS =
  `at most ${MOST_VARIABLES} texts without control characters, by names of A-Z a-z 0-9 _, ` +
  "at most 128 characters, other than LULL_*, PATH and TRACEPARENT";

/** The variables of a fork. */
export const Env = v.pipe(
  anything<Variables>(),
  stated<Variables>(isEnv, ENV_WORDS, {
    type: "object",
    maxProperties: MOST_VARIABLES,
    propertyNames: { pattern: VARIABLE_NAME, not: { pattern: RESERVED_NAMES } },
    additionalProperties: { type: "string", pattern: VARIABLE_VALUE },
  }),
  v.description(
    "Variables of this fork, which are no secrets: for hooks, and in the file env of the runtime directory. They replace all former ones.",
  ),
);

function isEnv(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const entries = Object.entries(value);
  return entries.length <= MOST_VARIABLES &&
    entries.every(([name, text]) =>
      typeof text === "string" && canHold(name, text) &&
      !matches(RESERVED_NAMES, name)
    );
}

/** The schema of any value, whose check says that it has this type: v.record drops some names. */
function anything<T>(): v.GenericSchema<T> {
  return v.unknown() as unknown as v.GenericSchema<T>;
}

function matches(pattern: string, value: unknown): boolean {
  return typeof value === "string" && new RegExp(pattern).test(value);
}

/** Decodes base64 without a second text of it. */
function bytesOf(base64: string): Uint8Array {
  // Not in the heap of the engine, where a collection may move it and leave a copy.
  const bytes = new Uint8Array(new ArrayBuffer(base64Bytes(base64)));
  let at = 0;
  let bits = 0;
  for (let i = 0; i < base64.length && at < bytes.length; i++) {
    bits = bits << 6 | sextet(base64.charCodeAt(i));
    if (i % 4 === 0) continue;
    bytes[at++] = bits >> (6 - 2 * (i % 4));
  }
  return bytes;
}

function base64Bytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return base64.length / 4 * 3 - padding;
}

/** The six bits of a digit of base64 (RFC 4648, 4). */
function sextet(code: number): number {
  if (code === 43) return 62; // +
  if (code === 47) return 63; // /
  if (code <= 57) return code + 4; // 0 to 9
  return code <= 90 ? code - 65 : code - 71; // A to Z, a to z
}
