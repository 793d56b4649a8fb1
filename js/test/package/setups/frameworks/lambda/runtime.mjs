/** Runs a handler like Lambda: frozen after each response, and thawed for the next event, if there is one. */

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { handler } = createRequire(import.meta.url)(process.argv[2]);
let number = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const awsRequestId = `r_${++number}`;
  const until = performance.now() + 3_000;
  const context = { awsRequestId, getRemainingTimeInMillis: () => until - performance.now() };
  const answer = await handler(JSON.parse(line), context).catch(({ code, message }) => `failed: ${code ?? message}`);
  process.stdout.write(`${typeof answer === "string" ? answer : JSON.stringify(answer)}\n`, () =>
    process.kill(process.pid, "SIGSTOP"),
  );
}
