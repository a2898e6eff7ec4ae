import { model } from "./suite.ts";

model("binary");
