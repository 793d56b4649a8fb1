/**
 * Bundles a package's declarations with those that they reference in other packages of this workspace, which aren't
 * published.
 */

import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";

/**
 * Writes `dist/NAME.d.ts` for each entry from the declarations that tsc wrote to `out`. `external` lists third-party
 * packages.
 */
export async function bundleDeclarations(home, entries, external) {
  const bundle = await rolldown({
    cwd: fileURLToPath(home),
    input: Object.fromEntries(entries.map((name) => [name, fileURLToPath(new URL(`out/${name}.d.ts`, home))])),
    // The declarations are already generated.
    plugins: [dts({ dtsInput: true, generator: "oxc", tsconfig: false })],
    external,
  });
  const names = { entryFileNames: "[name].d.ts", chunkFileNames: "[name].d.ts" };
  await bundle.write({ dir: fileURLToPath(new URL("dist/", home)), ...names });
  await bundle.close();
}
