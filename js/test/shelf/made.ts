/** Events made by chance, with all that an event can hold, and what they say beside how they are written. */

import type { Mark } from "../../dist/verify/marks.js";
import type { Below } from "../chaos/chance.ts";

/** A JSON value: how it is written, and how people read that. */
export type Value = { readonly written: string; readonly read: string } & (
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "literal" }
  | { readonly kind: "array"; readonly items: readonly Value[] }
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: Value])[] }
);

/** What stands at a leaf of the log. */
export interface Leaf {
  readonly kind: "event" | "withheld" | "gap" | "other";
  readonly line: number;
  readonly index: number;
  readonly leaves: number;
  readonly chain: string;
  readonly seq: number;
  readonly time: number;
  readonly vkey: string;
  readonly authorised: boolean;
  readonly event: Value | undefined;
}

const WORDS = [
  ...["job.create", "job.update", "login", "", "a*b", "back\\slash", 'quo"te', "sla/sh", "tab\tbed", "line\nfeed"],
  ...[
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "Zoë",
    "ZOË",
    "K\u212aelvin",
    "stra\u00dfe",
    "STRASSE",
    "σοφος",
    "ΣΟΦΟΣ",
  ],
  ...["\u202etxt", "emoji😀s", "\u0000", "user:u_1", "cron_job:42", "u_1", "u_2", "42", "-1", "=1+1", "x".repeat(1100)],
];
const NAMES = ["metadata", "note", "a.b", "__proto__", "id", "items", "deep", "é", 'q"'];
const OUTCOMES = ["success", "failure", "unknown", "denied"];
const START = Date.UTC(2026, 0, 1);

export function pick<T>(below: Below, from: readonly T[]): T {
  const one = from[below(from.length)];
  if (one === undefined) {
    throw new RangeError("nothing to pick from");
  }
  return one;
}

/** A word of those that values are made of. */
export function word(below: Below): string {
  return pick(below, WORDS);
}

function string(below: Below, text = word(below)): Value {
  return { kind: "string", text, read: `"${text}"`, written: write(below, text) };
}

/** Some characters are escaped though they need not be. */
function write(below: Below, text: string): string {
  const escapes = below(3) === 0;
  const letters = Array.from(text, (letter) => {
    if (letter === "/" && below(2) === 0) {
      return "\\/";
    }
    return escapes && below(3) === 0
      ? letter.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      : JSON.stringify(letter).slice(1, -1);
  });
  return `"${letters.join("")}"`;
}

function literal(below: Below): Value {
  const written = pick(below, ["0", "42", "-1", "1.50", "1e3", "12345678901234567890", "true", "false", "null"]);
  return { kind: "literal", written, read: written };
}

function object(below: Below, members: readonly (readonly [string, Value])[]): Value {
  const space = () => pick(below, ["", "", "", " ", "\t", " \r"]);
  const join = (of: (name: string, value: Value) => string) =>
    members.map(([name, value]) => of(name, value)).join(",");
  const [a, b, c] = [space(), space(), space()];
  const names = members.map(([name]) => write(below, name)).values();
  return {
    kind: "object",
    members,
    written: `{${a}${join((_, { written }) => `${names.next().value}${b}:${c}${written}`)}${a}}`,
    read: `{${a}${join((name, { read }) => `"${name}"${b}:${c}${read}`)}${a}}`,
  };
}

function value(below: Below, depth = 0): Value {
  const kind = below(depth > 2 ? 3 : 6);
  if (kind < 2) {
    return string(below);
  }
  if (kind === 2) {
    return literal(below);
  }
  if (kind === 3) {
    const items = Array.from({ length: below(4) }, () => value(below, depth + 1));
    const join = (of: "written" | "read") => `[${items.map((item) => item[of]).join(", ")}]`;
    return { kind: "array", items, written: join("written"), read: join("read") };
  }
  return object(below, members(below, depth));
}

function members(below: Below, depth: number): (readonly [string, Value])[] {
  const names = new Set(Array.from({ length: below(4) }, () => pick(below, NAMES)));
  return Array.from(names, (name) => [name, value(below, depth + 1)] as const);
}

function party(below: Below): Value {
  if (below(8) === 0) {
    return value(below);
  }
  const given: (readonly [string, Value])[] = [];
  if (below(12) > 0) {
    given.push(["id", below(10) === 0 ? value(below) : string(below)]);
  }
  if (below(2) === 0) {
    given.push([
      "type",
      below(10) === 0 ? literal(below) : string(below, pick(below, ["user", "service", "cron_job"])),
    ]);
  }
  if (below(2) === 0) {
    given.push(["name", below(10) === 0 ? literal(below) : string(below)]);
  }
  return object(below, below(2) === 0 ? given : given.toReversed());
}

function event(below: Below): Value {
  const given: (readonly [string, Value])[] = [];
  const maybe = (of: number, name: string, make: () => Value) => {
    if (below(of) > 0) {
      given.push([name, make()]);
    }
  };
  maybe(8, "action", () => (below(10) === 0 ? value(below) : string(below)));
  maybe(6, "actor", () => party(below));
  maybe(6, "target", () => party(below));
  maybe(2, "outcome", () => (below(8) === 0 ? literal(below) : string(below, pick(below, OUTCOMES))));
  maybe(3, "tenant", () => string(below, `t_${below(30)}`));
  maybe(3, "metadata", () => value(below));
  maybe(2, "__proto__", () => value(below));
  maybe(2, "context", () => object(below, members(below, 0)));
  return object(below, given);
}

/** A log's leaves in their order. */
export function leaves(below: Below, count: number): Leaf[] {
  const made: Leaf[] = [];
  const seqs = new Map<string, number>();
  let index = below(2) === 0 ? 0 : 2 ** 40;
  let time = START;
  for (let line = 2; made.length < count; line += 1 + (below(9) === 0 ? below(3) : 0)) {
    const kind = pick(below, [
      "event",
      "event",
      "event",
      "event",
      "event",
      "event",
      "withheld",
      "gap",
      "other",
    ] as const);
    // Gaps next to each other are one.
    const isSecond = kind === "gap" && made.at(-1)?.kind === "gap";
    if (isSecond) {
      continue;
    }
    const chain = `${below(4)}`.repeat(32);
    const seq = (seqs.get(chain) ?? 0) + 1;
    seqs.set(chain, seq);
    // Clocks go back at times, and stand still.
    time += below(4) === 0 ? 0 : below(3) === 0 ? -below(90_000) : below(200_000);
    const size = kind === "gap" ? 1 + below(5) : 1;
    made.push({
      ...{
        kind,
        line,
        index,
        leaves: size,
        chain,
        seq,
        time,
        vkey: `example.com/${chain[0]}+0123abcd+AAAA${chain[0]}`,
      },
      ...{ authorised: below(5) > 0, event: kind === "event" ? event(below) : undefined },
    });
    index += size;
    line += size > 1 ? 1 : 0;
  }
  return made;
}

/** An event's line as the verifier writes it. */
export function batchLine({ line, index, chain, seq, time, authorised, vkey, event }: Leaf): string {
  const place = { line, index, chain, seq, time: new Date(time).toISOString(), authorised, vkey };
  return `${JSON.stringify(place).slice(0, -1)},"event":${event?.written}}\n`;
}

/** The marks for a leaf that is no event: of a gap, a skip or two. */
export function marksOf({ kind, line, index, leaves, chain, seq, time, vkey, authorised }: Leaf): Mark[] {
  switch (kind) {
    case "withheld":
      return [{ kind, line, index, chain, seq, time: new Date(time).toISOString(), vkey, authorised, why: "redacted" }];
    case "gap":
      return leaves > 1
        ? [
            { kind: "skip", line, index, leaves: 1 },
            { kind: "skip", line: line + 1, index: index + 1, leaves: leaves - 1 },
          ]
        : [{ kind: "skip", line, index, leaves }];
    case "other":
      return [{ kind: "note", line, index, acts: true, statements: [], signers: [] }];
    default:
      return [];
  }
}
