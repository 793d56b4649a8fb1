/** What is done in every set-up: an event recorded with either artefact, and what was recorded verified. */

import { createRecorder, memory } from "countersign";
import { createIssuer } from "countersign/issuer";
import { createRecorder as createSlimRecorder } from "countersign/slim";
import { verify } from "countersign/verify";

const KEY = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
export const TRUST = "emitter example.com/recorder+7fca09ae+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs\n";

/** An export with one event. */
export async function recorded(create = createRecorder) {
  const to = memory();
  const audit = await create({ key: KEY, origin: "log.example/audit", to });
  audit.record({ action: "job.delete", actor: { id: "u_1" } });
  await audit.close();
  return to.text();
}

/** Gives "verified, verified" where it works, and else what went wrong. */
export async function once() {
  try {
    createIssuer({ key: KEY, to: "https://log.example", log: "log.example" });
    const verdicts = [];
    for (const create of [createRecorder, createSlimRecorder]) {
      const { report } = await verify(new TextEncoder().encode(await recorded(create)), { trust: TRUST });
      verdicts.push(report.counts.events === 1 ? report.verdict : `${report.counts.events} events`);
    }
    return verdicts.join(", ");
  } catch (error) {
    return `${error.code}: ${error.stack} (${error.hint})`;
  }
}
