/** Writes an export to a file in any runtime: `child.ts PATH WHAT …`. */

import { fileTransport } from "../../packages/countersign/dist/transport/file.node.js";
import { chance } from "../outbox/conformance.ts";

const [path = "", what = "", ...args] = process.argv.slice(2);
const transport = fileTransport(path);
const HEADER = '{"countersign":"export/v1","origin":"example.com/audit"}\n';

switch (what) {
  /** Writes lines from a number on in batches until it is killed, and prints the last written number. */
  case "write": {
    const [from = 0, seed = 0] = args.map(Number);
    const below = chance(seed + 1);
    let begun = await transport.begun();
    for (let next = from; ; ) {
      const to = next + 1 + below(200);
      const lines = Array.from({ length: to - next }, (_, nth) => `{"link":"${next + nth}"}\n`).join("");
      await transport.write(new TextEncoder().encode((begun ? "" : HEADER) + lines));
      begun = true;
      next = to;
      console.log(next);
    }
  }
  /** Prints whether it could be written to. */
  case "once":
    try {
      console.log((await transport.begun()) ? "begun" : "new");
    } catch (error) {
      console.log((error as { code: string }).code);
    }
    break;
  /** Writes until there is no space, and again once there is. */
  case "fill": {
    const chunk = new TextEncoder().encode(`{"link":"${"x".repeat(9000)}"}\n`.repeat(3));
    await transport.write(new TextEncoder().encode(HEADER));
    for (let written = 0; ; written += 1) {
      try {
        await transport.write(chunk);
      } catch (error) {
        const { code, hint } = error as { code: string; hint: string };
        console.log(written);
        console.log(`${code}: ${hint}`);
        await transport.write(new TextEncoder().encode('{"link":"small"}\n'));
        break;
      }
    }
    break;
  }
}
