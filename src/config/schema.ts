/**
 * All options of Lull. A new option is one entry in a file of options/: its flag, its variable, its
 * key in the config file, its check and its help are derived from that entry.
 * @module
 */
import * as v from "valibot";
import { listeningOptions } from "./options/listening.ts";
import { memoryOptions } from "./options/memory.ts";
import { operationOptions } from "./options/operation.ts";
import { portOptions } from "./options/ports.ts";
import { processOptions } from "./options/process.ts";

/** All options, in the order of the help. */
export const configSchema = v.strictObject({
  ...listeningOptions,
  ...portOptions,
  ...operationOptions,
  ...memoryOptions,
  ...processOptions,
});

/** The configuration, in which each option has a value. */
export type Config = Readonly<v.InferOutput<typeof configSchema>>;
