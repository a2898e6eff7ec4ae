import { contract } from "./suite.ts";

contract("bundle");
