/**
 * What the agent says of itself, as far as the model knows it.
 */

import type { Kind } from "../../src/lifecycle/request.ts";

/** The status document. */
export interface Status {
  readonly state: string;
  readonly generation: number;
  readonly settled: boolean;
  readonly keepAlive: boolean;
  readonly lease: { readonly seconds: number; readonly left: number };
  readonly operation?: Report & { readonly operation: string };
  readonly lastRecovery?: {
    readonly operation: string;
    readonly trigger: string;
    readonly outcome: string;
    readonly generation: number;
    readonly steps: readonly Step[];
  };
  readonly ports?: {
    readonly state: string;
    readonly ports: readonly {
      readonly port: number;
      readonly listening: boolean;
    }[];
  };
}

/** What a prepare says of itself. */
export interface Report {
  readonly kind: Kind;
  readonly settled: boolean;
  readonly steps: readonly Step[];
}

interface Step {
  readonly name: string;
  readonly status: string;
}
