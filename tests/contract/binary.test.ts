import { contract } from "./suite.ts";

contract("binary");
