/** A scenario as the form edits it: every value is the text that the reader typed. */

import type { Input, ScenarioResult, ScenarioSignal } from "@countersign/ui/overview/types.js";

/** Three numbers with their source and date. */
export interface RangeDraft {
  low: string;
  mode: string;
  high: string;
  source: string;
  date: string;
}

/** Fields of a range, in the order of the file format. */
export const RANGE_FIELDS = ["low", "mode", "high", "source", "date"] as const;

/** Inputs that every scenario has. */
export const INPUTS = ["frequency", "vulnerability", "loss"] as const;
/** Inputs of a secondary loss. */
export const SECONDARY_INPUTS = ["secondary.probability", "secondary.loss"] as const;

/** The path of an input, as in reports. */
export type InputPath = (typeof INPUTS)[number] | (typeof SECONDARY_INPUTS)[number];

/** Kinds of observations that count as threat events. */
export const SIGNAL_KINDS = ["endpoint", "level", "rule", "tag"] as const;

export type SignalKind = (typeof SIGNAL_KINDS)[number];

export interface SignalDraft {
  kind: SignalKind;
  value: string;
}

export interface ControlDraft {
  id: string;
  title: string;
  /** The inputs that the control changes. */
  changes: Partial<Record<InputPath, RangeDraft>>;
  cost: RangeDraft | undefined;
}

export interface ScenarioDraft {
  id: string;
  title: string;
  note: string;
  currency: string;
  frequency: RangeDraft;
  vulnerability: RangeDraft;
  loss: RangeDraft;
  secondary: { probability: RangeDraft; loss: RangeDraft } | undefined;
  observed: SignalDraft[];
  controls: ControlDraft[];
}

export function emptyRange(): RangeDraft {
  return { low: "", mode: "", high: "", source: "", date: "" };
}

export function emptyControl(): ControlDraft {
  return { id: "", title: "", changes: {}, cost: undefined };
}

export function emptyScenario(): ScenarioDraft {
  return {
    id: "",
    title: "",
    note: "",
    currency: "",
    frequency: emptyRange(),
    vulnerability: emptyRange(),
    loss: emptyRange(),
    secondary: undefined,
    observed: [],
    controls: [],
  };
}

/** Texts of the example. */
interface ExampleTexts {
  readonly title: string;
  readonly note: string;
  readonly source: string;
  readonly control: string;
}

/** Returns a complete example. Its sources say that the numbers are invented. */
export function exampleScenario(
  { title, note, source, control }: ExampleTexts,
  today: string,
): ScenarioDraft {
  const range = (low: number, mode: number, high: number): RangeDraft => ({
    low: String(low),
    mode: String(mode),
    high: String(high),
    source,
    date: today,
  });
  return {
    id: "example-exposed-endpoint",
    title,
    note,
    currency: "EUR",
    frequency: range(2, 6, 20),
    vulnerability: range(0.05, 0.2, 0.6),
    loss: range(10_000, 50_000, 400_000),
    secondary: { probability: range(0.05, 0.1, 0.4), loss: range(50_000, 200_000, 2_000_000) },
    observed: [
      { kind: "endpoint", value: "shadow" },
      { kind: "level", value: "high" },
    ],
    controls: [
      {
        id: "endpoint-gate",
        title: control,
        changes: { frequency: range(1, 2, 6) },
        cost: range(20_000, 30_000, 60_000),
      },
    ],
  };
}

/** Returns the form's content for a scenario that the core has parsed. */
export function draftOf(scenario: ScenarioResult): ScenarioDraft {
  const { id, title, note = "", currency, inputs, observed, controls } = scenario;
  const of = new Map(inputs.map((input) => [input.of, rangeOf(input)]));
  const range = (path: InputPath) => of.get(path) ?? emptyRange();
  return {
    id,
    title,
    note,
    currency,
    frequency: range("frequency"),
    vulnerability: range("vulnerability"),
    loss: range("loss"),
    secondary: of.has("secondary.probability")
      ? { probability: range("secondary.probability"), loss: range("secondary.loss") }
      : undefined,
    observed: observed.map(signalOf),
    controls: controls.map(({ id, title, changes, cost }) => ({
      id,
      title,
      changes: Object.fromEntries(changes.map((change) => [change.of, rangeOf(change)])),
      cost: cost === null ? undefined : rangeOf(cost),
    })),
  };
}

function rangeOf({ low, mode, high, source, date }: Input): RangeDraft {
  return { low: String(low), mode: String(mode), high: String(high), source, date };
}

function signalOf(signal: ScenarioSignal): SignalDraft {
  const kind = SIGNAL_KINDS.find((kind) => kind in signal);
  if (kind === undefined)
    throw new TypeError("the scenario has a kind of observation that this page doesn't know");
  return { kind, value: (signal as Readonly<Record<SignalKind, string>>)[kind] };
}

/** Returns the ranges of a draft with their paths in the file, as errors name them. */
function rangesOf(draft: ScenarioDraft): readonly (readonly [path: string, range: RangeDraft])[] {
  const { secondary, controls } = draft;
  return [
    ...INPUTS.map((path) => [path, draft[path]] as const),
    ...(secondary === undefined
      ? []
      : ([
          ["secondary.probability", secondary.probability],
          ["secondary.loss", secondary.loss],
        ] as const)),
    ...controls.flatMap(({ changes, cost }, nth) => [
      ...Object.entries(changes).map(([path, range]) => [`controls[${nth}].changes.${path}`, range] as const),
      ...(cost === undefined ? [] : [[`controls[${nth}].cost`, cost] as const]),
    ]),
  ];
}

/** Returns the paths of all fields that the form shows. */
export function fieldPaths(draft: ScenarioDraft): ReadonlySet<string> {
  return new Set([
    "id",
    "title",
    "note",
    "currency",
    ...rangesOf(draft).flatMap(([path]) => [path, ...RANGE_FIELDS.map((field) => `${path}.${field}`)]),
    ...draft.observed.flatMap(({ kind }, nth) => [`observed[${nth}]`, `observed[${nth}].${kind}`]),
    ...draft.controls.flatMap((_, nth) =>
      ["", ".id", ".title", ".changes"].map((field) => `controls[${nth}]${field}`),
    ),
  ]);
}
