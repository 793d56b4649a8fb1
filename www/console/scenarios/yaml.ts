/** Writes scenarios as YAML (docs/risk.md). The core reads them; this page has no parser of its own. */

import {
  type ControlDraft,
  INPUTS,
  RANGE_FIELDS,
  type RangeDraft,
  type ScenarioDraft,
  type SignalDraft,
} from "./draft.ts";

/** Numbers of JSON, which YAML reads in the same way. Other texts are quoted, so that the core rejects them. */
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;

/** Returns the file of a draft. An empty field has no value in it. */
export function scenarioText(draft: ScenarioDraft): string {
  const { id, title, note, currency, secondary, observed, controls } = draft;
  const lines = [
    "countersign: scenario/v1",
    member("id", text(id)),
    member("title", text(title)),
    ...(note.trim() === "" ? [] : [member("note", text(note))]),
    member("currency", text(currency)),
    ...INPUTS.flatMap((name) => rangeLines(name, draft[name])),
    ...(secondary === undefined
      ? []
      : [
          "secondary:",
          ...indented([
            ...rangeLines("probability", secondary.probability),
            ...rangeLines("loss", secondary.loss),
          ]),
        ]),
    ...(observed.length === 0 ? [] : ["observed:", ...observed.flatMap(signalLines)]),
    ...(controls.length === 0 ? [] : ["controls:", ...controls.flatMap(controlLines)]),
  ];
  return `${lines.join("\n")}\n`;
}

function signalLines({ kind, value }: SignalDraft): readonly string[] {
  return item([member(kind, text(value))]);
}

function controlLines({ id, title, changes, cost }: ControlDraft): readonly string[] {
  const { "secondary.probability": probability, "secondary.loss": loss } = changes;
  const secondary = [
    ...(probability === undefined ? [] : rangeLines("probability", probability)),
    ...(loss === undefined ? [] : rangeLines("loss", loss)),
  ];
  const changed = [
    ...INPUTS.flatMap((name) => {
      const range = changes[name];
      return range === undefined ? [] : rangeLines(name, range);
    }),
    ...(secondary.length === 0 ? [] : ["secondary:", ...indented(secondary)]),
  ];
  return item([
    member("id", text(id)),
    member("title", text(title)),
    ...(changed.length === 0 ? ["changes: {}"] : ["changes:", ...indented(changed)]),
    ...(cost === undefined ? [] : rangeLines("cost", cost)),
  ]);
}

function rangeLines(name: string, range: RangeDraft): readonly string[] {
  const scalar = (field: (typeof RANGE_FIELDS)[number]) => {
    if (field === "source") return text(range.source);
    const typed = range[field].trim();
    return (field === "date" ? DATE : NUMBER).test(typed) ? typed : text(typed);
  };
  return [`${name}:`, ...indented(RANGE_FIELDS.map((field) => member(field, scalar(field))))];
}

function member(name: string, scalar: string): string {
  return scalar === "" ? `${name}:` : `${name}: ${scalar}`;
}

/** Quotes a text. JSON's strings are also YAML's. */
function text(typed: string): string {
  const trimmed = typed.trim();
  return trimmed === "" ? "" : JSON.stringify(trimmed);
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function item(lines: readonly string[]): readonly string[] {
  return lines.map((line, nth) => `${nth === 0 ? "  - " : "    "}${line}`);
}
