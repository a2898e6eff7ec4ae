/**
 * Which repairs of other pieces of work this tree has. Tests that need one are
 * switched on here.
 * @module
 */

/** True if the tree has the repair. */
export const MERGED = {
  /** A second agent on one runtime directory ends and touches nothing. */
  secondAgent: false,
  /** A registered program gets its thaw also if the agent was killed. */
  owedProgramThaws: false,
  /** No document shows what a hook printed. */
  privateOutput: false,
};
