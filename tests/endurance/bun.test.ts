import { endurance } from "./suite.ts";

endurance("bun");
