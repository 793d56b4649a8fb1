import { recorderModule } from "virtual:recorder";
import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import { recording } from "../../../js/packages/countersign/dist/record/create.js";
import { ofRuntime } from "../../../js/packages/countersign/dist/record/lifecycle.js";
import { unpack } from "../../src/unpack.ts";

const MINUTE = 60_000;
/** Number of events signed and fed at a time. */
const BATCH_SIZE = 2_000;
const ACTIONS = ["job.trigger", "job.update", "session.login", "data.export", "role.grant"] as const;
const NAMES = ["Ada Okafor", "Lin Zhao", "Sam de Vries", "Noor Haddad", "Kai Tanaka"] as const;

/** Records events, and feeds them to the viewer as they are recorded. */
export async function feedMany(viewer: Viewer, events: number): Promise<void> {
  const load = async () => WebAssembly.compile(await (await unpack(recorderModule)).arrayBuffer());
  let now = Date.parse("2026-01-01T00:00:00Z");
  const { createRecorder, generateKey } = recording(load, ofRuntime, { now: () => now });
  const { key, vkey } = await generateKey("example.com/gallery");
  viewer.trustText = `emitter ${vkey}\n`;
  await viewer.updateComplete;
  const recorder = createRecorder({ key, origin: "log.example/gallery", to: (chunk) => viewer.feed(chunk) });
  for (let number = 0; number < events; number += 1) {
    // A year has about half a million minutes.
    now += Math.round((MINUTE * 500_000 * (1 + Math.sin(number / (events / 40)))) / events);
    recorder.record(eventAt(number));
    if (number % BATCH_SIZE === BATCH_SIZE - 1) await recorder.flush();
  }
  await recorder.close();
  await viewer.end();
}

function eventAt(number: number): { action: string } & Record<string, unknown> {
  const fails = (number * 7919) % 23 === 0;
  return {
    action: ACTIONS[(number * 31) % ACTIONS.length] ?? ACTIONS[0],
    actor: { type: "user", id: `u_${number % 997}`, name: NAMES[number % NAMES.length] ?? NAMES[0] },
    target: { type: "job", id: `job_${number % 4099}` },
    outcome: fails ? "failure" : "success",
  };
}
