import { contract } from "./suite.ts";

contract("bun");
