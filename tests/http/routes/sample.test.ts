import assert from "node:assert/strict";
import { it } from "node:test";
import { checkSample } from "../../../src/http/routes/sample.ts";

it("the body of the dry run is one that recover accepts", () => {
  assert.doesNotThrow(checkSample);
});
