/**
 * Uses files by the modules that the bundle for Deno has in place of Node's; prints what it found, as
 * JSON. Run by fallback.test.ts, without FFI.
 */
import { hasLibc } from "../../src/runtime/deno/node/libc.ts";
import * as fs from "../../src/runtime/deno/node/fs.ts";

const path = `${Deno.args[0]}/file`;
const file = fs.openSync(path, "w+", 0o600);
fs.writeSync(file, "text");
fs.ftruncateSync(file, 3);
const bytes = new Uint8Array(3);
fs.readSync(file, bytes, 0, 3, 0);
const size = fs.fstatSync(file)?.size;
fs.closeSync(file);
fs.writeFileSync(`${path}.new`, "more");
fs.accessSync(path);
const count = await new Promise((resolve) => {
  const zeros = fs.openSync("/dev/zero");
  fs.read(zeros, bytes, 0, 2, null, (_, count) => resolve(count));
});
const exists = [fs.existsSync(path)];
fs.unlinkSync(path);
exists.push(fs.existsSync(path), fs.statSync(`${path}.new`)!.isFile());
let code: unknown;
try {
  fs.lstatSync(path);
} catch (error) {
  code = (error as { code?: string }).code;
}
console.log(JSON.stringify({ hasLibc: hasLibc(), size, count, exists, code }));
