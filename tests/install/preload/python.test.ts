import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PRELOADS } from "../../../src/install/preload/preloads.ts";
import { trees } from "../tree.ts";

const { tree, remove } = trees();
after(remove);

const FOLDER = fileURLToPath(
  new URL("../../../src/install/preload/", import.meta.url).href,
);

const PYTHONPATH = [FOLDER, process.env.PYTHONPATH].filter(Boolean).join(":");

const isThere = (program: string, ...args: string[]) =>
  spawnSync(program, args).status === 0;

/** The Python of Debian, whose packages have numpy, if it has it; else that of the PATH. */
const hasNumpy = (program: string) => isThere(program, "-c", "import numpy");
const [PYTHON] = ["/usr/bin/python3", "python3"].filter(hasNumpy)
  .concat("python3");

function python(script: string, generation: string, ...more: string[]) {
  return spawnSync(PYTHON, ["-B", ...more, "-c", script], {
    encoding: "utf8",
    timeout: 60_000,
    env: {
      ...process.env,
      LULL_GENERATION_FILE: generation,
      PYTHONPATH,
    },
  });
}

const skip = isThere(PYTHON, "--version") ? false : "there is no Python";

/**
 * Two copies of one process, made by fork(2), draw after the generation changed. Python's own module
 * seeds only its shared generator after a fork(2).
 */
const COPIES = `
import json, os, sys
if "plain" not in sys.argv: import lull_random
import random
setup = os.environ["SETUP"]; draw = os.environ["DRAW"]
exec(setup)
eval(draw)
for i in range(2):
    sys.stdout.flush()
    if os.fork() == 0:
        path = os.environ["LULL_GENERATION_FILE"]
        open(path + ".new", "w").write(str(i) * (i + 2))
        os.replace(path + ".new", path)
        print(json.dumps(eval(draw)), flush=True)
        os._exit(0)
    os.wait()
`;

function copies(setup: string, draw: string, ...args: string[]): string[] {
  const generation = join(tree(), "generation");
  writeFileSync(generation, "before");
  const { stdout, stderr, status } = spawnSync(
    PYTHON,
    ["-B", "-c", COPIES, ...args],
    {
      encoding: "utf8",
      timeout: 60_000,
      env: {
        ...process.env,
        ...{ SETUP: setup, DRAW: draw, PYTHONPATH },
        LULL_GENERATION_FILE: generation,
      },
    },
  );
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  const lines = stdout.trimEnd().split("\n");
  assert.equal(lines.length, 2);
  return lines;
}

describe("the preload of Python", { skip }, () => {
  /** What to draw, and how to make the generator `r`. */
  const OWN = "r = random.Random()";
  const DRAWS = [
    ["random", OWN, "r.random()"],
    ["randint", OWN, "r.randint(0, 10**18)"],
    ["randbytes", OWN, "r.randbytes(8).hex()"],
    ["choices", OWN, "r.choices(range(10**6), k=4)"],
    ["the second number of gauss", OWN, "r.gauss(0, 1)"],
    ["a subclass", "class R(random.Random): pass\nr = R()", "r.random()"],
    [
      "a state that was set",
      `${OWN}; r.setstate(random.Random().getstate())`,
      "r.random()",
    ],
    ["seed without a value", `${OWN}; r.seed(5); r.seed()`, "r.random()"],
  ] as const;

  test("copies of a process draw different numbers, and the same without it", () => {
    // Each draw has its own generator. All are in one process, because a start takes long.
    const setup = DRAWS.map(([, make], i) => `${make}\nr${i} = r`).join("\n");
    const draw = `[${
      DRAWS.map(([, , draw], i) => draw.replace("r.", `r${i}.`)).join(", ")
    }]`;
    const numbers = (...args: string[]) =>
      copies(setup, draw, ...args).map((line) => JSON.parse(line) as unknown[]);
    const [one, other] = numbers();
    const [plain, same] = numbers("plain");
    for (const [i, [name]] of DRAWS.entries()) {
      assert.notDeepEqual(one[i], other[i], name);
      assert.deepEqual(plain[i], same[i], name);
    }
  });

  test("the functions of the module are those of its shared generator", () => {
    const generation = join(tree(), "generation");
    const { stdout, stderr } = python(
      `
import lull_random, random
random.seed(7); a = [random.random(), random.getrandbits(9), random.gauss(0, 1)]
r = random.Random(7); b = [r.random(), r.getrandbits(9), r.gauss(0, 1)]
s = random.SystemRandom(); s.random(); s.randint(1, 6); s.gauss(0, 1)
print(a == b, random.random.__name__, random.Random.random.__qualname__)`,
      generation,
    );
    assert.equal(stdout, "True random Random.random\n", stderr);
  });

  test("a generator that was given a seed keeps its sequence", () => {
    const [one, other] = copies("r = random.Random(7)", "r.random()");
    assert.equal(one, other);
    assert.equal(one, "0.15084917392450192"); // the second number of this seed
  });

  test("uuid1 gets a new node in a fork", () => {
    const [one, other] = copies("import uuid", "uuid.uuid1().node");
    assert.notEqual(one, other);
    const [plain, same] = copies("import uuid", "uuid.uuid1().node", "plain");
    assert.equal(plain, same);
  });

  test("OpenSSL gets entropy before it is used", () => {
    const setup = `import ssl, lull_random
count = []
add = ssl.RAND_add
ssl.RAND_add = lambda *a: (count.append(a[1]), add(*a))`;
    const use = "(ssl.RAND_bytes(4).hex(), len(count))[1]";
    assert.deepEqual(copies(setup, use), ["1", "1"]);
    const context =
      "(ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()), len(count))[1]";
    assert.deepEqual(copies(setup, context), ["1", "1"]);
  });

  test("numpy: the functions and generators without a seed differ", {
    skip: hasNumpy(PYTHON) ? false : "there is no numpy",
  }, () => {
    const setup = `import numpy, pickle
g = numpy.random.default_rng(); fixed = numpy.random.default_rng(3)
h = pickle.loads(pickle.dumps(numpy.random.default_rng()))`;
    for (
      const draw of [
        ...["float(numpy.random.random())", "int(numpy.random.randint(2**60))"],
        ...["float(g.random())", "g.integers(2**60, size=3).tolist()"],
      ]
    ) {
      const [one, other] = copies(setup, draw);
      assert.notEqual(one, other, draw);
      const [plain, same] = copies(setup, draw, "plain");
      assert.equal(plain, same, draw);
    }
    const [one, other] = copies(setup, "float(fixed.random())");
    assert.equal(one, other);
    const seeded = copies(
      "import numpy; numpy.random.seed(1)",
      "float(numpy.random.random())",
    );
    assert.equal(seeded[0], seeded[1]);
  });

  test("the .pth file loads it at the start, and loads no module for it", () => {
    const site = tree();
    const pth = PRELOADS.python.pth!.replaceAll(
      "/usr/lib/lull/preload",
      FOLDER.slice(0, -1),
    );
    writeFileSync(join(site, "lull.pth"), pth);
    const { stdout, stderr } = python(
      `
import sys
import site
before = set(sys.modules)
site.addsitedir(${JSON.stringify(site)})
print(sorted(set(sys.modules) - before))
import random
print(random.Random.random.__module__, ${
        JSON.stringify(FOLDER.slice(0, -1))
      } in sys.path)`,
      join(site, "generation"),
      "-E",
    );
    assert.equal(stdout, "['lull_random']\nlull_random False\n", stderr);
    // An uninstall may leave the .pth file: Python starts nevertheless.
    writeFileSync(
      join(site, "lull.pth"),
      pth.replaceAll(FOLDER.slice(0, -1), "/nothing"),
    );
    const without = python(
      `import site, sys; site.addsitedir(${
        JSON.stringify(site)
      }); print("lull_random" in sys.modules)`,
      join(site, "generation"),
      "-E",
    );
    assert.deepEqual([without.stdout, without.stderr], ["False\n", ""]);
  });

  test("a generation that appears counts as a change, and one that disappears does not", () => {
    const generation = join(tree(), "generation");
    writeFileSync(`${generation}.new`, "");
    const { stdout, stderr } = python(
      `
import lull_random, os, time
def look():
    time.sleep(0.001)
    return lull_random.look()
print(look())
os.rename(${JSON.stringify(`${generation}.new`)}, ${JSON.stringify(generation)})
print(look(), look())
os.remove(${JSON.stringify(generation)})
print(look())`,
      generation,
    );
    assert.equal(stdout, "0\n1 1\n1\n", stderr);
    assert.throws(() => renameSync(generation, `${generation}.old`));
  });
});
