/** A page built by Vite. The test calls these. */

import { createRecorder, memory } from "countersign";
import { scenario } from "../scenario.mjs";

globalThis.scenario = scenario;
globalThis.recordOnce = async (key) => {
  const recorder = await createRecorder({ key, origin: "log.example", to: memory() });
  await recorder.close();
};
globalThis.ready = true;
