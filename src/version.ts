/** The version of Lull, as health, status and `--version` say it. */
export const VERSION = "0.1.0";
