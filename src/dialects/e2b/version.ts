/**
 * The version of E2B's agent whose calls this dialect answers. E2B's host compares it with 0.6.3
 * (freeze), 0.6.5 (collapse) and 0.6.6 (freeze of filesystems).
 */
export const ENVD_VERSION = "0.6.6";
