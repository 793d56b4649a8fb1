import { stem } from "@countersign/ui/viewer/parts/save.js";

/** Maximum lengths of the export's name, the reference, and the question in a file's name, in bytes of UTF-8. */
const MAX_STEM_BYTES = 60;
const MAX_REFERENCE_BYTES = 40;
const MAX_QUESTION_BYTES = 40;

/** Facts that tell saved files of one export apart. */
export interface FileNameParts {
  /** Name of the export. */
  readonly file: string;
  /** The examiner's reference; empty if there is none. */
  readonly reference: string;
  /** Label of the question that the file answers, such as `maria.silva-2026-10`; empty if there is none. */
  readonly question: string;
  /** Contents of the file, such as `31-events`. */
  readonly contents: string;
  readonly saved: Date;
}

/**
 * Returns the name of a saved file without its ending, such as
 * `audit.IR-7.maria.silva-2026-10.31-events.2026-11-28T14-30-05Z`.
 */
export function savedName({ file, reference, question, contents, saved }: FileNameParts): string {
  const label = reference.replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+/, "");
  const asked = question
    .replace(/[^\p{L}\p{N}._-]+/gu, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[.-]+/, "");
  const time = saved.toISOString().slice(0, 19).replaceAll(":", "-");
  return [
    clipBytes(stem(file), MAX_STEM_BYTES),
    clipBytes(label, MAX_REFERENCE_BYTES),
    clipBytes(asked, MAX_QUESTION_BYTES),
    contents,
    `${time}Z`,
  ]
    .filter((part) => part !== "")
    .join(".");
}

/** Returns the beginning of a text, without separators at its end. */
function clipBytes(text: string, maxBytes: number): string {
  const encoder = new TextEncoder();
  let kept = "";
  let bytes = 0;
  for (const character of text) {
    bytes += encoder.encode(character).length;
    if (bytes > maxBytes) break;
    kept += character;
  }
  return kept.replace(/[.-]+$/, "");
}

/** Returns a number of things for the name of a file: `no-event`, `1-event`, `31-events`. */
export function formatCount(count: number, thing: "event" | "finding"): string {
  return count === 0 ? `no-${thing}` : `${count}-${thing}${count === 1 ? "" : "s"}`;
}
