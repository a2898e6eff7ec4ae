import { bundleGraph } from "./bundle_graph.ts";
import { bundleNode } from "./bundle_node.ts";
import { contract } from "./suite.ts";

contract("bundle");
bundleGraph();
bundleNode();
