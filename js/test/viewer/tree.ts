/** JSON as pages receive it: parsed by the core, as the index does. */

import { readFileSync } from "node:fs";
import { treeOf } from "../../packages/ui/dist/index/rows.js";
import type { Json } from "../../packages/ui/dist/viewer/parts/json-view.js";
import { initSync } from "../../packages/ui/dist/wasm/index.js";

initSync({ module: readFileSync(new URL("../../packages/ui/dist/wasm/index_bg.wasm", import.meta.url)) });

/** Parses a value. Throws a `SyntaxError` if it is invalid. */
export function parseJson(text: string): Json {
  const tree = treeOf(new TextEncoder().encode(text));
  if (tree === undefined) {
    throw new SyntaxError("this is no JSON");
  }
  return tree;
}
