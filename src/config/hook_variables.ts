/**
 * The environment variables that Lull sets for hooks, by the field of the hook's event. They are no
 * options, but a hook may run lull: {@linkcode fromEnvironment} ignores them.
 * @module
 */

/** The variables. */
export const HOOK_VARIABLES = {
  phase: "LULL_PHASE",
  operation: "LULL_OPERATION",
  generation: "LULL_GENERATION",
  kind: "LULL_KIND",
  outcome: "LULL_OUTCOME",
  hostTime: "LULL_HOST_TIME",
  traceparent: "TRACEPARENT",
} as const;
