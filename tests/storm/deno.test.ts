import { storm } from "./suite.ts";

storm("deno");
