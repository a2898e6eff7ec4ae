import { lifecycleSuite } from "./support/lifecycle_suite.ts";

lifecycleSuite("bun");
