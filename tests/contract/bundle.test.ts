import { bundleGraph } from "./bundle_graph.ts";
import { contract } from "./suite.ts";

contract("bundle");
bundleGraph();
