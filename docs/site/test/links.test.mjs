/** Tests that links between the project's documents lead somewhere, as GitHub shows them. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { posix } from "node:path";
import { test } from "node:test";
import { PROJECT } from "../src/paths.mjs";
import { document, documents } from "./markdown.mjs";

const EXTERNAL = /^(?:[a-z][a-z0-9+.-]*:|\/)/i;

/** Returns the links of a document that lead nowhere. */
function deadLinks(path) {
  return document(path).links.filter((link) => {
    if (EXTERNAL.test(link)) return false;
    const [file, anchor] = decodeURI(link).split("#");
    const target = file === "" ? path : posix.join(posix.dirname(path), file);
    if (target.startsWith("../") || !existsSync(PROJECT + target)) return true;
    return anchor !== undefined && target.endsWith(".md") && !document(target).anchors.has(anchor);
  });
}

test("no link leads to a missing file or heading", () => {
  const paths = documents();
  assert.ok(paths.length > 50, `only ${paths.length} documents were found`);
  const dead = paths.flatMap((path) => deadLinks(path).map((link) => `${path}: ${link}`));
  assert.deepEqual(dead, []);
});
