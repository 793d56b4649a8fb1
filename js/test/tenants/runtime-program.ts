/**
 * A program that records events of tenants, in any runtime with files, and prints what happens:
 * `runtime-program.ts KEY URL LOG OUTBOX SCENARIO`.
 */

import { fileOutbox } from "../../packages/countersign/dist/outbox/file.node.js";
import { createRecorder } from "../../packages/countersign/dist/record/record.js";

const [key = "", url = "", log = "", outbox = "", scenario] = process.argv.slice(2);
const print = (line: string) => console.log(line);
const since = (address: string) => new URL(address).searchParams.get("since");
const audit = createRecorder({
  key,
  to: {
    url,
    fetch: (address, init) => {
      if (scenario === "unreachable" && address.includes("/t/")) {
        return Promise.reject(new Error("unreachable"));
      }
      if (scenario === "continued" && address.includes("/submit")) {
        print(`since ${since(address)}`);
      }
      return fetch(address, init);
    },
  },
  log,
  outbox: fileOutbox(outbox),
  tenants: "create",
  autoFlush: scenario === "unreachable" ? false : undefined,
  onError: ({ code, tenant }) => print(`${tenant} ${code}`),
});

const originIn = (receipt: string | null | undefined) => /^countersign\/v1 head\n(.*)$/m.exec(receipt ?? "")?.[1];

if (scenario === "unreachable") {
  await audit.record({ tenant: "acme", action: "job.kept" }).stored();
  print("stored");
  // Killed here.
  setTimeout(() => {}, 60_000);
} else if (scenario === "continued") {
  await audit.record({ tenant: "acme", action: "job.continued" }).delivered();
  await audit.close();
  print("closed");
} else {
  const alone = audit.record({ tenant: "acme", action: "job.create" });
  const shared = audit.record({ tenants: ["acme", "umbrella"], action: "job.share" });
  for (const handle of [alone, ...(shared.tenants?.values() ?? [])]) {
    print(`${originIn((await handle.delivered()).proof)}`);
  }
  await audit.close();
  print("closed");
}
