/**
 * The smallest server on Bun, with a reply as Lull's: what the runtime costs.
 * @module
 */
Bun.serve({
  hostname: "0.0.0.0",
  port: 49983,
  fetch: () => Response.json({ version: "0", state: "running", generation: 0 }),
});
