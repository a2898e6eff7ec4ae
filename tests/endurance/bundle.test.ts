import { endurance } from "./suite.ts";

endurance("bundle");
