import { endurance } from "./suite.ts";

endurance("binary");
