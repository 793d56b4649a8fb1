/** The steps in every setup: records an event, and verifies the export. */

import { createRecorder, memory } from "countersign";
import { createIssuer } from "countersign/issuer";
import { verify } from "countersign/verify";

const KEY = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
export const TRUST = "emitter example.com/recorder+7fca09ae+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs\n";

/** Returns an export with one event. */
export async function recorded() {
  const to = memory();
  const audit = createRecorder({ key: KEY, origin: "log.example/audit", to });
  audit.record({ action: "job.delete", actor: { id: "u_1" } });
  await audit.close();
  return to.text();
}

/** Returns "verified" on success, and the problem otherwise. */
export async function once() {
  try {
    createIssuer({ key: KEY, to: "https://log.example", log: "log.example" });
    const { report } = await verify(new TextEncoder().encode(await recorded()), { trust: TRUST });
    return report.counts.events === 1 ? report.verdict : `${report.counts.events} events`;
  } catch (error) {
    return `${error.code}: ${error.stack} (${error.hint})`;
  }
}
