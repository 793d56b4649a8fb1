/** A reporter for Node.js's tests: the test files in which something failed, one in each line. */
import { resolve } from "node:path";

export default async function* failedFiles(events) {
  for await (const { type, data } of events) {
    const isFile = type === "test:complete" && data.nesting === 0 && resolve(data.name) === data.file;
    if (isFile && !data.details.passed) yield `${data.file}\n`;
  }
}
