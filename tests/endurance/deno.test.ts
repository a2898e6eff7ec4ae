import { endurance } from "./suite.ts";

endurance("deno");
