import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import type { Detections, Frame } from "./frame.ts";

/** Maximum lengths of a pack's name and of a query as shown, in UTF-16 units. */
const MAX_NAME = 300;
const MAX_QUERY = 4000;

/** The query or the rules that an evidence file is about. */
export interface FrameSubject {
  /** Name of the kind, such as `Query`. */
  readonly label: string;
  /** Name of the rules, or undefined. */
  readonly pack: { readonly name: string; readonly rules: number; readonly hash: string } | undefined;
  /** Empty for all events, and for rules. */
  readonly query: string;
}

/** Returns the query or the rules of an evidence file. */
export function subjectOf(
  { query, detections }: Pick<Frame, "query" | "detections">,
  { filed }: PageTexts["evidence"],
): FrameSubject {
  if (detections === null) return { label: filed.query, pack: undefined, query: query ?? "" };
  const { rules, hash } = detections.pack;
  return { label: filed.rules.name, pack: { name: packName(detections), rules, hash }, query: "" };
}

/** Renders a subject without its label. */
export function subjectView({ pack, query }: Omit<FrameSubject, "label">, t: PageTexts): TemplateResult {
  if (pack !== undefined)
    return html`${value(pack.name, MAX_NAME)}, ${t.viewer.figures.rules(pack.rules)}<br />SHA-256 <code class="hash">${pack.hash}</code>`;
  return query === ""
    ? html`${t.evidence.filed.all}`
    : html`<code dir="ltr">${value(query, MAX_QUERY)}</code>`;
}

/** Returns the name of a pack with its version. */
export function packName({ pack: { name, version } }: Pick<Detections, "pack">): string {
  return version === "" ? name : `${name} ${version}`;
}
