/**
 * The handlers and loggers that exist, shared by setup and getLogger.
 * @module
 */
import type { BaseHandler } from "./base_handler.ts";
import type { Logger } from "./logger.ts";

/** The handlers of the last setup, by name. */
export const handlers: Map<string, BaseHandler> = new Map();
/** The loggers of the last setup and those that getLogger created since, by name. */
export const loggers: Map<string, Logger> = new Map();
