/** A program that records events of tenants and ends without closing the recorder. */

import { createRecorder } from "countersign";

const [, , key = "", to = "", log = "", retry] = process.argv;
const audit = createRecorder({
  key,
  to,
  log,
  tenants: "create",
  retry: { initialDelayMs: 100, maxDelayMs: 200 },
  onError: ({ code }) => console.error(code),
});
audit.record({ tenant: "of a program", action: "job.create" });
if (retry !== undefined) {
  audit
    .record({ tenant: "of a program", action: "job.delete" })
    .delivered()
    .then(
      () => console.log("delivered"),
      ({ code }) => console.log(code),
    );
}
