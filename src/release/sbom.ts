/**
 * The parts of a release as a software bill of materials, in CycloneDX 1.6
 * (https://cyclonedx.org/docs/1.6/json/).
 * @module
 */
import { Buffer } from "node:buffer";
import { VERSION } from "../version.ts";
import { targets } from "./targets.ts";

/** The packages that src imports. All others in the lock file serve tests and checks. */
const PRODUCT = ["hono", "valibot", "@valibot/to-json-schema"];

/** The part of deno.lock that is read. */
interface Lock {
  readonly npm: Readonly<
    Record<string, {
      readonly integrity: string;
      readonly dependencies?: readonly string[];
    }>
  >;
}

/**
 * Builds the document. `lock` is the text of deno.lock, `checksums` that of
 * bun.sha512, and `time` the time of the release, RFC 3339.
 */
export function sbom(lock: string, checksums: string, time: string) {
  const npm = Object.entries((JSON.parse(lock) as Lock).npm).map(
    ([id, { integrity }]) => {
      // "name@version", and after "_" the versions of its peers
      const [, name, version] = /^(@?[^@]+)@([^_]+)/.exec(id)!;
      const hash = Buffer.from(integrity.replace(/^sha512-/, ""), "base64");
      const scope = PRODUCT.includes(name) ? "required" : "excluded";
      return component(name, version, hash.toString("hex"), scope);
    },
  );
  const components = [...runtimes(checksums), ...npm];
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: time,
      component: {
        type: "application",
        "bom-ref": "lull",
        name: "lull",
        version: VERSION,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components,
    dependencies: [{
      ref: "lull",
      dependsOn: components
        .filter(({ scope }) => scope === "required")
        .map((part) => part["bom-ref"]),
    }],
  };
}

/** The base runtimes, one in each binary. */
function runtimes(checksums: string) {
  return targets.map(({ base }) => {
    const line = new RegExp(
      `^([0-9a-f]{128})  oven-${base}-(\\d+\\.\\d+\\.\\d+)\\.tgz$`,
      "m",
    ).exec(checksums);
    if (line === null) {
      throw new Error(`Cannot describe ${base}: it has no committed checksum`);
    }
    return component(`@oven/${base}`, line[2], line[1], "required");
  });
}

function component(
  name: string,
  version: string,
  sha512: string,
  scope: "required" | "excluded",
) {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const [group, short] = name.startsWith("@")
    ? name.split("/")
    : [undefined, name];
  return {
    type: "library",
    "bom-ref": purl,
    ...group === undefined ? {} : { group },
    name: short,
    version,
    scope,
    hashes: [{ alg: "SHA-512", content: sha512 }],
    purl,
  };
}
