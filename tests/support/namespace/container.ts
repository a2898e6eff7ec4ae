/**
 * A container of published.ts: a server on port 80, in a namespace of its own.
 */
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { ip } from "./ip.ts";

// Its input ends with the process that has started it, however that ends.
process.stdin.on("end", () => process.exit(0));
console.log("here");
await once(process.stdin, "data");
ip("addr add 172.18.0.2/16 dev eth0");
ip("link set eth0 up");
ip("route add default via 172.18.0.1");
const server = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.end("container");
});
await once(server.listen(80, "0.0.0.0"), "listening");
console.log("listening");
