/**
 * All texts of the viewer. A language is a JSON file. English defines which texts exist, and the build generates
 * their types from it.
 *
 * A text is a string, perhaps with slots: `{name}` for a string, `{#name}` for a number that is grouped. If a number
 * decides the form, there is one for `one` and one for all `other` numbers. Slots that the drawer fills with elements
 * are in brackets.
 */

import { field } from "@countersign/shared/own.js";
import { type FromCore, fromCore, type Sentences } from "./core.js";
import english from "./en.json" with { type: "json" };
import { type Counting, grouped, lasting, sized } from "./figures.js";
import type { Schema } from "./schema.js";
import { fillSlots, slotNames } from "./slots.js";

/** The texts of a language: its own fields, and all texts of `en.json` in the viewer's sources. */
export interface Texts extends Schema {
  /** Language tag (BCP 47). */
  readonly lang: string;
  /** Translator of the core's sentences, and of those of errors in sources. */
  readonly core: FromCore;
  /** Numbers, sizes, and durations as the language formats them. */
  readonly figures: Schema["figures"] & {
    readonly count: Counting;
    readonly bytes: Counting;
    readonly duration: Counting;
  };
}

/** A deep partial of texts. */
export type Some<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends readonly unknown[]
    ? T
    : T extends object
      ? { readonly [Member in keyof T]?: Some<T[Member]> }
      : T;

/** Values of a text by the names of its slots. */
type Values = Readonly<Record<string, string | number>>;

type Json = string | readonly Json[] | { readonly [name: string]: Json };

/**
 * Compiles the texts of a language. A text with one slot becomes a function that takes its value, and a text with more
 * becomes a function that takes an object of values by the slots' names: a sentence can be reworded without its calls.
 */
function compiled(lang: string, json: Json, reference: Json = json): unknown {
  if (typeof json === "string") {
    const names = slotNames(String(reference));
    const count = grouped(lang);
    if (names.size === 0) {
      return json;
    }
    return names.size === 1
      ? (value: string | number) => fillSlots(json, () => value, count)
      : (values: Values) => fillSlots(json, (name) => field(values, name) ?? "", count);
  }
  if (Array.isArray(json)) {
    return json.map((one) => compiled(lang, one));
  }
  const members = json as { readonly [name: string]: Json };
  if (members.other !== undefined) {
    const { one = "", other } = members;
    const [single, several] = [one, other].map((form) => compiled(lang, form) as Counting | string);
    const rules = new Intl.PluralRules(lang);
    return (count: number) => {
      const form = rules.select(count) === "one" ? single : several;
      // A form without the number has no slot: "the only entry".
      return typeof form === "function" ? form(count) : form;
    };
  }
  return Object.fromEntries(
    Object.entries(members).map(([name, text]) => [
      name,
      compiled(lang, text, (reference as { readonly [name: string]: Json })[name]),
    ]),
  );
}

/** Available languages by primary tag: their texts, or a loader until they are needed. */
const languages = new Map<string, Texts | (() => Promise<Texts>)>();

/** Adds a language: its texts, and the core's sentences in it. */
export function language(lang: string, json: Json, sentences: Sentences = {}): Texts {
  const texts = compiled(lang, json, english) as Schema;
  const count = grouped(lang);
  const figures = { ...texts.figures, count, bytes: sized(lang), duration: lasting(texts.figures.moment) };
  const { failures } = json as unknown as { readonly failures: Sentences };
  const registered = { ...texts, lang, core: fromCore({ ...sentences, ...failures }, count), figures };
  languages.set(primaryOf(lang), registered);
  return registered;
}

/** Registers a loader for a language. `load` must add the language. */
export function loaded(lang: string, load: () => Promise<Texts>): void {
  languages.set(lang, load);
}

export const en = language("en-GB", english);

/** Returns the texts of a language; English if there are none, or they can't be loaded. */
export function textsOf(lang: string): Texts | Promise<Texts> {
  const known = languages.get(primaryOf(lang)) ?? en;
  return typeof known === "function" ? known().catch(() => en) : known;
}

function primaryOf(lang: string): string {
  return lang.toLowerCase().split("-", 1)[0] ?? "";
}

/** Returns the texts with overrides applied. */
export function merged<T>(texts: T, own: Some<T> | undefined): T {
  if (own === undefined) {
    return texts;
  }
  if (!isPlain(texts) || !isPlain(own)) {
    return own as T;
  }
  return Object.fromEntries(
    Object.entries(texts).map(([name, value]) => [name, merged(value, field(own, name) as typeof value)]),
  ) as T;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
