import { faults } from "./suite.ts";

faults("binary");
