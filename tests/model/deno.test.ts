import { model } from "./suite.ts";

model("deno");
