import type { Report } from "countersign/verify";
import type { FileRef, Frame } from "../evidence/frame.ts";

/** Maximum size of a report, in bytes. */
export const MAX_REPORT_BYTES = 64 << 20;

/** A report as JSON. Everything in it is a statement of its author. */
export interface ReportFile {
  readonly name: string;
  readonly report: Report;
  /** The export and the trust file that it names; undefined if it names none. */
  readonly origin: Pick<Frame, "file" | "trust"> | undefined;
}

/** Reads a report, alone or in a frame; undefined if it isn't one, or of a version that this page doesn't know. */
export function readReport(name: string, text: string): ReportFile | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(json)) return undefined;
  if (isReport(json)) return { name, report: json, origin: undefined };
  const { countersign, report, file, trust } = json;
  if (countersign !== "evidence/v1" || !isReport(report) || !isFileRef(file)) return undefined;
  return { name, report, origin: { file, trust: isFileRef(trust) ? trust : null } };
}

/** True if a value has the parts of a report that are compared. */
function isReport(value: unknown): value is Report {
  if (!isObject(value) || value.countersign !== "report/v1") return false;
  const { verdict, origin, counts, log, checks, signers, finding_counts } = value;
  return (
    typeof verdict === "string" &&
    (origin === null || typeof origin === "string") &&
    (log === null || isObject(log)) &&
    Array.isArray(signers) &&
    signers.every((signer) => isObject(signer) && typeof signer.vkey === "string") &&
    isObject(counts) &&
    isObject(finding_counts) &&
    isObject(checks) &&
    Object.values(checks).every(isObject)
  );
}

function isFileRef(value: unknown): value is FileRef {
  return (
    isObject(value) &&
    typeof value.name === "string" &&
    typeof value.sha256 === "string" &&
    typeof value.size === "number"
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
