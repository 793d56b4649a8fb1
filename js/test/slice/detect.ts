/** Runs the rules of an evidence file over its export again, in Node.js with worker threads. */

import { createVerifier } from "countersign/slim";
import type { DetectInExport } from "../../packages/ui/dist/slice/types.js";
import { factsOf } from "../../packages/ui/dist/viewer/session/facts.js";
import { threaded as analysisOf } from "../analyze/threaded.ts";
import { threaded } from "../index/threaded.ts";
import { setup } from "./search.ts";

const { verify } = createVerifier(setup);

export const detect: DetectInExport = async (source, { rules, scope, trust, pins }) => {
  const index = threaded();
  const analysis = analysisOf(rules, 1, scope);
  try {
    const verification = await verify(index.open(source), {
      trust,
      pins,
      threads: 0,
      onEvents: ({ bytes }) => index.add(bytes as Uint8Array<ArrayBuffer>),
      onMarks: (marks) => index.mark(marks),
    });
    await index.settle();
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
