/**
 * Everything that the viewer says. A language is a JSON file: English decides which texts there are, and the build makes
 * their types of it.
 *
 * A text is a text, or has slots: `{name}` for a text, `{#name}` for a number that the language groups. Where the number
 * decides the form there is one for `one` and one for all `other`. What the drawer fills with elements stands in brackets.
 */

import { field } from "@countersign/shared/own.js";
import { type FromCore, fromCore, type Sentences } from "./core.js";
import english from "./en.json" with { type: "json" };
import { type Counting, grouped, lasting, sized } from "./figures.js";
import type { Schema } from "./schema.js";
import { fillSlots, slotNames } from "./slots.js";

/** What a language says. */
export interface Texts extends Schema {
  /** The language, as BCP 47 calls it. */
  readonly lang: string;
  /** What the core says. */
  readonly core: FromCore;
  /** Numbers, sizes and times in the language's own way. */
  readonly figures: Schema["figures"] & {
    readonly count: Counting;
    readonly bytes: Counting;
    readonly duration: Counting;
  };
}

/** Some of a text's members. */
export type Some<T> = T extends (...given: never[]) => unknown
  ? T
  : T extends readonly unknown[]
    ? T
    : T extends object
      ? { readonly [Member in keyof T]?: Some<T[Member]> }
      : T;

type Json = string | readonly Json[] | { readonly [name: string]: Json };

/** What a language's texts are to those who say them. A text takes what fills its slots in the order of the English one. */
function compiled(lang: string, json: Json, reference: Json = json): unknown {
  if (typeof json === "string") {
    const names = slotNames(String(reference));
    const count = grouped(lang);
    const fill = (values: readonly (string | number)[]) =>
      fillSlots(json, (name) => values[names.indexOf(name)] ?? "", count);
    return names.length === 0 ? json : (...values: (string | number)[]) => fill(values);
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
      // A form that needs no number has no slot for it: "the only entry".
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

/** The languages that there are, by their primary tags: what loads one stands for it until somebody wants it. */
const languages = new Map<string, Texts | (() => Promise<Texts>)>();

/** Adds a language: its texts, and the core's sentences in it. */
export function language(lang: string, json: Json, sentences: Sentences = {}): Texts {
  const texts = compiled(lang, json, english) as Schema;
  const count = grouped(lang);
  const figures = { ...texts.figures, count, bytes: sized(lang), duration: lasting(texts.figures.moment) };
  const whole = { ...texts, lang, core: fromCore(sentences, count), figures };
  languages.set(primaryOf(lang), whole);
  return whole;
}

/** Has a language loaded when it is wanted: what `load` does is to add it. */
export function loaded(lang: string, load: () => Promise<Texts>): void {
  languages.set(lang, load);
}

/** English. */
export const en = language("en-GB", english);

/** The texts of a language, or English: where there are none, or they can't be loaded. */
export function textsOf(lang: string): Texts | Promise<Texts> {
  const known = languages.get(primaryOf(lang)) ?? en;
  return typeof known === "function" ? known().catch(() => en) : known;
}

function primaryOf(lang: string): string {
  return lang.toLowerCase().split("-", 1)[0] ?? "";
}

/** The texts, with some of them said otherwise. */
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
