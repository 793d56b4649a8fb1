/** The outbox in a file. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileOutbox } from "../../dist/outbox/file.node.js";
import { cases } from "./conformance.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-outbox-"));
after(() => rmSync(folder, { recursive: true }));
let paths = 0;
const fresh = () => join(folder, `${paths++}.outbox`);

for (const [name, run] of Object.entries(cases)) {
  test(`it ${name}`, () => {
    const path = fresh();
    return run(() => fileOutbox(path), { shared: false });
  });
}
