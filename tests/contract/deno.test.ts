import { contract } from "./suite.ts";

contract("deno");
