/**
 * The other machine of vanishing.ts: it opens connections to the guest, and at a command its link
 * goes down. Runs in a namespace of its own.
 */
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { ip } from "./ip.ts";

// Its input ends with the process that has started it, however that ends.
process.stdin.on("end", () => process.exit(0));
console.log("here");
const [line] = await once(process.stdin, "data");
const { address, port, count } = JSON.parse(String(line));
ip("addr add 10.0.2.2/24 dev eth0");
ip("link set eth0 up");
for (let i = 0; i < count; i++) {
  const socket = net.connect({ host: address, port });
  socket.on("error", () => {});
  await once(socket, "connect");
  // Half of them get bytes all the time, the others are silent.
  socket.write(i % 2 === 0 ? "stream" : "silent");
  await once(socket, "data");
  socket.resume();
}
console.log("connected");
await once(process.stdin, "data");
ip("link set eth0 down");
console.log("down");
