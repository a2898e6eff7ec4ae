import { diskWrites } from "./support/disk_writes_suite.ts";

diskWrites("bun");
