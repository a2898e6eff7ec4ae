/**
 * What programs of the guest do, and what the test waits for beside them.
 */
import { until } from "../support/until.ts";
import { Command } from "./command.ts";
import type { Kind } from "./world.ts";

export function connect(kind: Kind): Command {
  return new Command(`connect(${kind})`, async (model, world) => {
    // While quiesced they stay in the kernel, or end with their reply.
    if (!model.quiesced && world.open.length < 40) await world.connect(kind);
  });
}

export const settled = new Command("settled()", async (model, world) => {
  if (!model.quiesced) return;
  await until("the settle", async () => (await world.status()).settled);
  model.settled = true;
});

/** A program of the guest starts to listen, or stops. */
export const listen = new Command("listen()", async (_, world) => {
  if (world.servers.ports.length < 4) await world.servers.listen();
});

export const close = new Command("close()", (_, world) => {
  const [port] = world.servers.ports;
  if (port !== undefined) world.servers.close(port);
  return Promise.resolve();
});

/** What listens is forwarded in the end, and nothing is while quiesced. */
export const forwarded = new Command("forwarded()", async (model, world) => {
  if (model.quiesced) return;
  for (const port of world.servers.ports) {
    await until(
      `port ${port} to be forwarded`,
      () => world.servers.forwards(port),
    );
  }
});
