/**
 * Boots a machine, prints the number of its QEMU process and waits: for the
 * test that kills this program.
 * @module
 */
import { buildImage } from "./image.ts";
import { Machine } from "./machine.ts";

const image = buildImage({ variant: "none" });
const machine = await Machine.boot({ image, accel: "tcg" });
console.log(`qemu ${machine.pid}`);
setInterval(() => {}, 60_000);
