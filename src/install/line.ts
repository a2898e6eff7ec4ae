/**
 * The lines that `lull install` prints.
 * @module
 */

/** One line of the output: the result for one file, a warning, or what to do next. */
export interface Line {
  /** `kept`: the file was changed by a user, and is therefore not replaced or removed. */
  readonly what:
    | "written"
    | "unchanged"
    | "kept"
    | "removed"
    | "warning"
    | "note";
  readonly path?: string;
  readonly why?: string;
}
