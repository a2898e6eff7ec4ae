/**
 * Reads server-sent events (WHATWG HTML, 9.2).
 * @module
 */
import type { PortEvent, StateEvent } from "./types.ts";

/** What each kind of event has. */
export interface AgentEvents {
  readonly state: StateEvent;
  readonly port: PortEvent;
}

/**
 * The data of the events of one kind in a body. `onRetry` gets the milliseconds that a client is to
 * wait before it connects again, each time that the agent says so.
 */
export async function* eventsOf<K extends keyof AgentEvents>(
  kind: K,
  body: AsyncIterable<Uint8Array>,
  onRetry: (ms: number) => void = () => {},
): AsyncIterable<AgentEvents[K]> {
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
      const retry = fields.get("retry");
      if (retry !== undefined) onRetry(Number(retry));
      const data = fields.get("data");
      if (fields.get("event") === kind && data !== undefined) {
        yield JSON.parse(data);
      }
    }
  }
}
