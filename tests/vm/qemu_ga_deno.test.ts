import { portSuite } from "./support/port_suite.ts";

portSuite("deno");
