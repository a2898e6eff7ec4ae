// Takes part in freezes; Node, Bun and Deno: node client.mjs SOCKET NAME
import { request } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";

const [socketPath, name] = process.argv.slice(2);
const send = (method, path) =>
  new Promise((resolve, reject) =>
    request({ socketPath, method, path, agent: false }, resolve)
      .on("error", reject).end()
  );

const events = await send("GET", `/hooks/events?name=${name}`);
for await (const line of createInterface({ input: events })) {
  if (!line.startsWith("data: ")) continue;
  const { id, phase, generation } = JSON.parse(line.slice(6));
  // phase is "freeze" or "thaw": flush, close, reseed here.
  console.log(phase, generation);
  (await send("POST", `/hooks/events/${id}/ack`)).resume();
}
