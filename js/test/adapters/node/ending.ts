/** A server that records until a signal ends it. The first argument selects the scenario. */

import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRecorder } from "countersign";
import { auditHttp, closeOnSignals } from "countersign/node";
import { EMITTERS, ORIGIN } from "../../conformance/setup.ts";

const [what = "", file = ""] = process.argv.slice(2);

const recorder = (file: string, milliseconds: number) =>
  createRecorder({
    key: EMITTERS[0].secret,
    origin: ORIGIN,
    autoFlush: false,
    to: async (chunk) => {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      appendFileSync(file, chunk);
    },
  }).ready();

if (what === "first-process") {
  // The kernel only sends handled signals to the first process of a container.
  Object.defineProperties(process, { pid: { value: 1 }, kill: { value: () => true } });
}

const audit = await recorder(file, what === "hang" ? 3_600_000 : 50);
if (what === "two") {
  const second = await recorder(`${file}-second`, 500);
  second.record({ action: "job.update" });
  closeOnSignals(second);
}

if (what === "failing") {
  const failing = await createRecorder({
    key: EMITTERS[0].secret,
    origin: ORIGIN,
    to: () => Promise.reject(new Error("there is no room")),
    onError: ({ code }) => process.stdout.write(`${code}\n`),
    autoFlush: false,
  }).ready();
  failing.record({ action: "job.update" });
  closeOnSignals(failing, { retryForMs: 0 });
}

const server = createServer((_request, response) => {
  response.write("first ");
  setTimeout(() => response.end("last"), 200);
});
server.prependListener("request", auditHttp(audit, { path: "actual" }));
if (what !== "nothing") {
  closeOnSignals(audit, {
    first: () => {
      process.stdout.write("closing\n");
      return new Promise((closed) => server.close(closed));
    },
  });
}
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
