import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const projectDir: string = fileURLToPath(
  new URL("../../..", import.meta.url).href,
);

/** What was downloaded or found out once; survives `make clean`. */
export const cacheDir: string = join(projectDir, ".cache", "vm");

/** What was built, and the folders of running machines. */
export const distDir: string = join(projectDir, "dist", "vm");

/** The scripts that run inside the guest. */
export const guestDir: string = join(projectDir, "tests", "vm", "guest");
