/**
 * Logging with levels, named loggers, and handlers that format and write: the part
 * of the API of @std/log that Lull uses (README.md).
 *
 * ```ts
 * import { getLogger, setup } from "@std/log";
 *
 * setup({ loggers: { scanner: { level: "DEBUG", handlers: ["default"] } } });
 * getLogger("scanner").info("Listening ports changed", { added: [8080] });
 * ```
 * @module
 */
export * from "./base_handler.ts";
export * from "./console_handler.ts";
export * from "./critical.ts";
export * from "./debug.ts";
export * from "./error.ts";
export * from "./formatters.ts";
export * from "./get_logger.ts";
export * from "./info.ts";
export * from "./levels.ts";
export * from "./logger.ts";
export * from "./setup.ts";
export * from "./warn.ts";
