/**
 * Options: the log, the files and the limits of the agent itself.
 * @module
 */
import { integer, oneOf, oneOfCapitals, option, path } from "../option.ts";

/** These options, each with its kind, its default and its description. */
export const processOptions = {
  logLevel: option(
    oneOfCapitals(["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]),
    "INFO",
    "Minimum log level.",
  ),
  logFormat: option(
    oneOf(["json", "text"]),
    "json",
    "Format of log lines.",
  ),
  runtimeDirectory: option(
    path,
    "/run/lull",
    "Directory of files that outlive the agent, but not the machine.",
  ),
  bodyLimitBytes: option(
    integer(1, 2 ** 30),
    65_536,
    "Maximum size of a request's body, in bytes.",
  ),
  headerTimeoutMs: option(
    integer(1, 3_600_000),
    10_000,
    "Time limit of sending a request's headers, in milliseconds.",
  ),
  idleTimeoutMs: option(
    integer(1, 3_600_000),
    60_000,
    "Milliseconds after which an idle connection is closed.",
  ),
  maxConnections: option(
    integer(1, 1_000_000),
    1024,
    "Maximum of open connections; at most half of the open-files limit.",
  ),
  maxRequestsPerConnection: option(
    integer(1, 1_000_000_000),
    10_000,
    "Requests after which a connection is closed.",
  ),
};
