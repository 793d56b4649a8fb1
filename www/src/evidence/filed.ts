import type { PlainError } from "@countersign/shared/error.js";
import { stem } from "@countersign/ui/viewer/parts/save.js";
import { faultInName } from "@countersign/ui/viewer/search/faulty.js";
import type { Tools } from "@countersign/ui/viewer/session/session.js";
import type { Why } from "countersign/verify";
import type { TextFile } from "../input/trust.ts";
import { detectAgain } from "./detect-again.ts";
import { type FiledClaims, filedClaims } from "./filed-claims.ts";
import { type FiledEvents, filedEvents } from "./filed-facts.ts";
import type { Frame } from "./frame.ts";
import { type FiledAnswer, filedAnswer } from "./own-answer.ts";
import { type FiledRules, filedRules } from "./own-detections.ts";
import { searchAgain } from "./search-again.ts";

/** The verified content of an evidence file. */
export interface Filed {
  readonly name: string;
  /** Hash of the evidence file itself, in hex. */
  readonly sha256: string;
  readonly frame: Frame;
  /** Its answer by the trust file in it; undefined without a query. */
  readonly answer: FiledAnswer | undefined;
  /** Altered events that its answer doesn't count; undefined if there are none. */
  readonly claims: FiledClaims | undefined;
  /** The events that it is about, unless they have a list elsewhere. */
  readonly events: FiledEvents | undefined;
  /** Its rules; undefined unless it contains everything that they examined. */
  readonly rules: FiledRules | undefined;
  /** Reason that selects the wording of the verdict. */
  readonly why: Why | null;
  readonly source: File;
  readonly trust: TextFile | undefined;
  readonly pins: readonly TextFile[];
  /** The page in it. `isOwn` is true if it is the reader's copy; undefined if the reader has none to compare. */
  readonly page: { readonly sha256: string; readonly isOwn: boolean | undefined };
  /** True if its rules are those of this page; undefined if it has none. */
  readonly isOwnRules: boolean | undefined;
  readonly when: Date;
}

/** State of the evidence file that is shown. */
export type Shelf =
  | { readonly is: "empty" }
  | { readonly is: "opening"; readonly name: string }
  | { readonly is: "refused"; readonly name: string; readonly failure: PlainError }
  | { readonly is: "open"; readonly filed: Filed };

/** Dependencies of opening an evidence file. */
export interface OpeningTools {
  readonly tools: Tools;
  /** The reader's copy of the auditor's page; undefined if there is none. */
  readonly page: () => Promise<Blob | undefined>;
  readonly now: () => Date;
}

/** Returns the name of a slice, which says so if the export that it was taken from fails its own checks. */
function sliceName(name: string, { report }: Frame): string {
  const fault = faultInName(report);
  return fault === "" ? name : `${stem(name)}${fault}.countersign.ndjson`;
}

/** Opens an evidence file. The slicer verifies it and compares it with what it claims. */
export async function openEvidence(file: File, { tools, page, now }: OpeningTools): Promise<Filed> {
  const slicer = tools.slicer?.();
  if (slicer === undefined) throw new Error("this page can't open evidence files");
  const opened = await slicer.openEvidence(file, searchAgain(tools), detectAgain(tools));
  const { frame: text, pageSha256, export: source, pins, trust, rules, why } = opened;
  const frame = JSON.parse(text) as Frame;
  const own = await page();
  const name = frame.slice === null ? frame.file.name : sliceName(frame.slice.file.name, frame);
  return {
    name: file.name,
    sha256: await slicer.sha256(file),
    frame,
    answer: filedAnswer(frame, opened),
    claims: await filedClaims(frame, new Blob([source]), () => tools.index()),
    events: filedEvents(frame),
    rules: filedRules(frame, opened),
    why,
    source: new File([source], name),
    trust:
      trust === undefined ? undefined : { name: frame.trust?.name ?? "", text: trust, source: "evidence" },
    pins: pins.map((text, place) => ({ name: frame.pins[place]?.name ?? "", text, source: "evidence" })),
    page: {
      sha256: pageSha256,
      isOwn: own === undefined ? undefined : (await slicer.sha256(own)) === pageSha256,
    },
    isOwnRules: rules === undefined ? undefined : rules === (await tools.rules?.())?.trim(),
    when: now(),
  };
}
