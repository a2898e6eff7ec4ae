import process from "node:process";
import { observability } from "./contract/observability.ts";
observability(process.env.TARGET as "bun");
