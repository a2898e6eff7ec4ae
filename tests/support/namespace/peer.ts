/**
 * Another machine: waits for its interface, then takes connections on 7000.
 */
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { ip } from "./ip.ts";

// Its input ends with the process that has started it, however that ends.
process.stdin.on("end", () => process.exit(0));
console.log("here");
await once(process.stdin, "data");
ip("addr add 10.0.2.2/24 dev eth0");
ip("link set eth0 up");
const server = net.createServer((socket) => socket.on("error", () => {}));
await once(server.listen(7000, "0.0.0.0"), "listening");
console.log("listening");
