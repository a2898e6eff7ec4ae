import { faults } from "./suite.ts";

faults("deno");
