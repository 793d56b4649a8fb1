/** Verifies files with a number of threads, and prints the results: in any runtime. */

import { readFile } from "node:fs/promises";
import { type Mark, verify } from "../../packages/countersign/dist/verify/verify.js";

const [trust, ...files] = process.argv.slice(2);
const results = [];
for (const file of files) {
  for (const threads of [0, 1, 2, 3]) {
    const events: string[] = [];
    const marks: Mark[] = [];
    const { report } = await verify(new Blob([await readFile(file)]), {
      trust: await readFile(trust ?? "", "utf8"),
      threads,
      onEvents: (batch) => void events.push(...[...batch].map(({ json }) => json)),
      onMarks: (batch) => void marks.push(...batch),
    });
    results.push({ report, events: events.length, marks });
  }
}
console.log(JSON.stringify(results));
