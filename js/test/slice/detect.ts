/** Runs the rules of an evidence file over its export again, in Node.js with worker threads. */

import type { DetectInExport } from "../../packages/ui/dist/slice/types.js";
import { factsOf } from "../../packages/ui/dist/viewer/session/facts.js";
import { threaded as analysisOf } from "../analyze/threaded.ts";
import { threaded } from "../index/threaded.ts";
import { verifyInto } from "./search.ts";

export const detect: DetectInExport = async (source, { rules, scope, trust, pins }) => {
  const index = threaded();
  const analysis = analysisOf(rules, 1, scope);
  try {
    const verification = await verifyInto(index, source, { trust, pins });
    for (let segment = 0; ; segment += 1) {
      const lines = await index.lines(segment);
      if (lines === undefined) {
        break;
      }
      await analysis.add(lines);
    }
    await analysis.status(factsOf(verification));
    return (await analysis.filed()).detections;
  } finally {
    analysis.close();
    index.close();
  }
};
