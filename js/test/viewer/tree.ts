/** JSON as pages have it: read by the core, which the index of a page does for it. */

import { readFileSync } from "node:fs";
import { treeOf } from "../../packages/ui/dist/index/rows.js";
import type { Json } from "../../packages/ui/dist/viewer/parts/json-view.js";
import { initSync } from "../../packages/ui/dist/wasm/index.js";

initSync({ module: readFileSync(new URL("../../packages/ui/dist/wasm/index_bg.wasm", import.meta.url)) });

/** One value. Throws a `SyntaxError` where it is none. */
export function parseJson(text: string): Json {
  const tree = treeOf(new TextEncoder().encode(text));
  if (tree === undefined) {
    throw new SyntaxError("this is no JSON");
  }
  return tree;
}
