/**
 * Reads server-sent events (WHATWG HTML, 9.2).
 * @module
 */
import type { StateEvent } from "./types.ts";

/** The data of the events `state` in a body. */
export async function* stateEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncIterable<StateEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
        }),
      );
      const data = fields.get("data");
      if (fields.get("event") === "state" && data !== undefined) {
        yield JSON.parse(data);
      }
    }
  }
}
