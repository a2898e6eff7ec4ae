import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { NotUndone } from "../../src/lifecycle/not_undone.ts";
import { thawWorkload } from "../../src/steps/frozen_workload.ts";
import { temporary } from "../support/hooks.ts";

const directory = temporary();
after(directory.remove);

test("what stays frozen is left to undo, without what was thawed", async () => {
  const group = (name: string, frozen: boolean) => {
    const path = join(directory.path, name);
    mkdirSync(path);
    writeFileSync(join(path, "cgroup.freeze"), "1");
    writeFileSync(join(path, "cgroup.events"), `frozen ${Number(frozen)}`);
    return path;
  };
  const stuck = group("stuck", true);
  const broken = join(directory.path, "broken");
  mkdirSync(join(broken, "cgroup.freeze"), { recursive: true });
  const cgroups = [broken, group("free", false), stuck, "/lull/gone"];
  await assert.rejects(
    async () => await thawWorkload(20)({ cgroups }),
    (error: NotUndone) => {
      assert.match(
        error.message,
        /^Cannot thaw the workload: .*broken: EISDIR.*stuck: still frozen/,
      );
      assert.deepEqual(error.left, { cgroups: [broken, stuck] });
      assert.deepEqual(error.effect?.thawed, [cgroups[1]]);
      assert.deepEqual(error.effect?.gone, ["/lull/gone"]);
      return true;
    },
  );
});
