/**
 * A program that changes something and is killed. Run by cleanup.test.ts with a directory.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { owe } from "./cleanup.ts";

const directory = process.argv.at(-1);
for (const name of ["first", "second"]) {
  writeFileSync(`${directory}/${name}`, "");
  owe(`rm ${directory}/${name}; echo ${name} >> ${directory}/order\n`);
}
owe("exit 1\n").settled();
process.kill(process.pid, "SIGKILL");
