/**
 * The smallest server on Deno, with a reply as Lull's: what the runtime costs.
 * @module
 */
Deno.serve(
  { hostname: "0.0.0.0", port: 49983 },
  () => Response.json({ version: "0", state: "running", generation: 0 }),
);
