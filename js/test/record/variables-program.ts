/** Creates a recorder with the options in its argument, and prints the log's origin or the error. */

import { createRecorder } from "../../packages/countersign/dist/record/record.js";

const given: { [name: string]: unknown } = JSON.parse(process.argv[2] ?? "{}");
try {
  const audit = createRecorder({ ...given, autoFlush: false });
  await audit.ready();
  console.log(JSON.stringify({ origin: audit.origin }));
} catch (error) {
  const { code, member, message, hint, stack } = error as { [name: string]: string };
  console.log(JSON.stringify({ code, member, message, hint, stack }));
}
process.exit(0);
