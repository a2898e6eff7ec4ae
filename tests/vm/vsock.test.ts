import { vsockSuite } from "./support/vsock_suite.ts";

vsockSuite("bun");
