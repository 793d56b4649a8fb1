/**
 * The scenario for the packed package in every runtime: records real events and verifies them. With the same clock and
 * randomness, all exports are the same.
 */

import { CountersignError, createRecorder, generateKey, memory } from "countersign";
import { verify } from "countersign/verify";

export const KEY = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const VKEY = "example.com/recorder+7fca09ae+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const FIRST_TIME = 1_795_154_462_345;
/** Few enough to be signed together in a page too. */
const EVENTS_A_FLUSH = 8;

export const TRUST = `emitter ${VKEY}\n`;

/** Replaces the runtime's clock and randomness. Returns a function that restores them. */
function replaceClockAndRandomness() {
  const { now } = Date;
  let tick = 0;
  Date.now = () => FIRST_TIME + tick;
  Object.defineProperty(crypto, "getRandomValues", {
    configurable: true,
    value: (bytes) => {
      tick += 1;
      for (let at = 0; at < bytes.length; at++) {
        bytes[at] = (tick * 131 + at * 7 + (at >> 8)) & 0xff;
      }
      return bytes;
    },
  });
  return () => {
    Date.now = now;
    delete crypto.getRandomValues;
  };
}

async function record(ndjson) {
  const to = memory();
  const recorder = await createRecorder({ key: KEY, origin: "log.example/audit", to }).ready();
  for (const line of ndjson.split("\n").filter((line) => line !== "")) {
    recorder.recordJson(line);
    if (recorder.queued === EVENTS_A_FLUSH) {
      await recorder.flush();
    }
  }
  await recorder.close();
  return to.text();
}

/** Runs the scenario. `sources` are NDJSON by name; `options` are for `verify`. */
export async function scenario(sources, options = {}) {
  const exports = {};
  const restore = replaceClockAndRandomness();
  for (const [name, ndjson] of Object.entries(sources)) {
    const text = await record(ndjson);
    const { report } = await verify(new TextEncoder().encode(text), { ...options, trust: TRUST });
    expect(name, report.verdict === "verified", `the verdict is ${report.verdict}`);
    expect(
      name,
      report.counts.events === ndjson.split("\n").filter((line) => line !== "").length,
      "all events are there",
    );
    const altered = text.replace(/"salt":"../, '"salt":"zz');
    const { report: broken } = await verify(new TextEncoder().encode(altered), { ...options, trust: TRUST });
    expect(name, broken.verdict === "altered", `altered, the verdict is ${broken.verdict}`);
    exports[name] = text;
  }
  restore();
  await typed();
  return exports;
}

/** Makes typed calls with the runtime's own clock and randomness. */
async function typed() {
  const { key, vkey } = await generateKey("example.com/new");
  const to = memory();
  const audit = await createRecorder({ key, origin: "log.example/audit", to, onInvalid: "throw" }).ready();
  audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "cron_job", id: "42" } });
  try {
    audit.record({ actor: { id: "u_1" } });
    expect("typed", false, "an event without action is refused");
  } catch (error) {
    expect("typed", error instanceof CountersignError && error.member === "action", `${error}`);
  }
  await audit.close();
  const { report } = await verify(new TextEncoder().encode(to.text()), { trust: `emitter ${vkey}\n`, threads: 0 });
  expect("typed", report.verdict === "verified" && report.counts.events === 1, report.verdict);
}

function expect(name, holds, what) {
  if (!holds) {
    throw new Error(`${name}: ${what}`);
  }
}
