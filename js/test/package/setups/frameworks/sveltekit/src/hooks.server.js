import { createRecorder } from "countersign";
import { closeOnSignals } from "countersign/node";
import { auditHandle } from "countersign/sveltekit";
import { guard, options } from "../../options.mjs";

let handling;

/** Not at the top level, because `vite build` loads this module too. */
async function start() {
  const audit = createRecorder(options());
  closeOnSignals(audit);
  return auditHandle(audit, { gate: guard, actor: ({ request }) => request.headers.get("x-user") ?? undefined });
}

export async function handle(input) {
  handling ??= start();
  return (await handling)(input);
}
