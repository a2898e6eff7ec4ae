/**
 * `make demo`: the main job, seen.
 */
import { nativeDemo } from "./native.ts";

await nativeDemo((line) => console.log(line));
