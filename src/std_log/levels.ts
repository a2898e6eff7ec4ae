/**
 * The log levels: their numbers, their names, and the conversion between both.
 * @module
 */

/** The number of each level, by name. A higher number is more severe. */
export const LogLevels = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** The number of a level. */
export type LogLevel = typeof LogLevels[LevelName];

/** The name of a level. */
export type LevelName = keyof typeof LogLevels;

/** The names of all levels, in the order of their numbers. */
export const LogLevelNames: LevelName[] = Object.keys(
  LogLevels,
) as LevelName[];

/** The number of a level. Throws an Error if no level has this name. */
export function getLevelByName(name: LevelName): LogLevel {
  // hasOwn, because "constructor" is not a level.
  if (Object.hasOwn(LogLevels, name)) return LogLevels[name];
  throw new Error(`Cannot get log level: no level named ${name}`);
}

/** The name of a level. Throws an Error if no level has this number. */
export function getLevelName(level: LogLevel): LevelName {
  const name = LogLevelNames.find((name) => LogLevels[name] === level);
  if (name !== undefined) return name;
  throw new Error(`Cannot get log level: no name for level: ${level}`);
}
