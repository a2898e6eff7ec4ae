import { storm } from "./suite.ts";

storm("bun");
