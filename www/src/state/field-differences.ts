import type { Json } from "@countersign/ui/index/types.js";
import { difference } from "@countersign/ui/viewer/drawer/diff.js";
import { written } from "@countersign/ui/viewer/parts/json-view.js";

/** Characters of equal text kept before the first difference of two long values. */
const KEPT_CHARS = 24;
/** Maximum characters of a value; longer ones are cut around the difference. */
const MAX_CHARS = 160;

/** A field of a line that differs between two files; a value is undefined if the file doesn't have the field. */
export interface FieldDifference {
  /** Path from the event, such as `metadata.to`; from the line, if the field is outside the event. */
  readonly path: string;
  readonly one: string | undefined;
  readonly other: string | undefined;
}

/**
 * Returns the fields that differ between two lines of exports, those of the event first. Undefined if a line can't be
 * parsed; empty if only the spelling differs, such as the order of fields.
 */
export function fieldDifferences(one: string, other: string): readonly FieldDifference[] | undefined {
  const [left, right] = [parsed(one), parsed(other)];
  if (left === undefined || right === undefined) return undefined;
  const { changes } = difference(left, right);
  const found = changes.map(({ path, before, after }) => ({
    isOfEvent: path[0] === "event",
    path: named(path),
    ...shown(before, after),
  }));
  return [...found.filter(({ isOfEvent }) => isOfEvent), ...found.filter(({ isOfEvent }) => !isOfEvent)].map(
    ({ path, one, other }) => ({ path, one, other }),
  );
}

/** Parses a line, with numbers as written. */
function parsed(line: string): Json | undefined {
  try {
    return JSON.parse(line, asJson) as Json;
  } catch {
    return undefined;
  }
}

/** Reviver that turns each value into `Json`, from the inside out. Some browsers don't pass the source. */
function asJson(_name: string, value: unknown, context?: { readonly source?: string }): Json {
  if (typeof value === "string") return { kind: "string", value };
  if (Array.isArray(value)) return { kind: "array", items: value as Json[] };
  if (typeof value === "object" && value !== null)
    return { kind: "object", members: Object.entries(value as Record<string, Json>) };
  return { kind: "literal", source: context?.source ?? String(value) };
}

function named(path: readonly string[]): string {
  const from = path[0] === "event" && path.length > 1 ? path.slice(1) : path;
  return from.reduce((all, part) => (part.startsWith("[") || all === "" ? all + part : `${all}.${part}`), "");
}

/** Returns two values as text. Strings have quotes only if the other value isn't a string. */
function shown(
  one: Json | undefined,
  other: Json | undefined,
): { readonly one: string | undefined; readonly other: string | undefined } {
  const areStrings = [one, other].every((json) => json === undefined || json.kind === "string");
  const text = (json: Json | undefined) =>
    json && (areStrings && json.kind === "string" ? json.value : written(json));
  const [left, right] = [text(one), text(other)];
  const same = left === undefined || right === undefined ? 0 : commonLength(left, right);
  return { one: cut(left, same), other: cut(right, same) };
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

/** Cuts a long text so that it begins shortly before the difference. */
function cut(text: string | undefined, same: number): string | undefined {
  if (text === undefined || text.length <= MAX_CHARS) return text;
  const begin = same > MAX_CHARS / 2 ? same - KEPT_CHARS : 0;
  const end = begin + MAX_CHARS;
  return `${begin > 0 ? "…" : ""}${text.slice(begin, end)}${end < text.length ? "…" : ""}`;
}
