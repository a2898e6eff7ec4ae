import { storm } from "./suite.ts";

storm("binary");
