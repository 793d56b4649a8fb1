/** A reporter for Node.js's test runner that prints the files with failed tests, one per line. */
import { resolve } from "node:path";

export default async function* failedFiles(events) {
  for await (const { type, data } of events) {
    const isFile = type === "test:complete" && data.nesting === 0 && resolve(data.name) === data.file;
    if (isFile && !data.details.passed) yield `${data.file}\n`;
  }
}
