import { model } from "./suite.ts";

model("bun");
