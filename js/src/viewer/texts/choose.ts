/** Which texts are shown. */

import { de } from "./de.js";
import { en } from "./en.js";
import type { Texts } from "./texts.js";

/** Some of a text's members. */
export type Some<T> = T extends (...given: never[]) => unknown
  ? T
  : T extends readonly unknown[]
    ? T
    : T extends object
      ? { readonly [Member in keyof T]?: Some<T[Member]> }
      : T;

const LANGUAGES: Readonly<Record<string, Texts>> = { en, de };

/** The texts of a language, or English. */
export function textsOf(lang: string): Texts {
  const primary = lang.toLowerCase().split("-", 1)[0] ?? "";
  return (Object.hasOwn(LANGUAGES, primary) ? LANGUAGES[primary] : undefined) ?? en;
}

/** The texts, with some of them said otherwise. */
export function merged(texts: Texts, own: Some<Texts>): Texts {
  return over(texts, own) as Texts;
}

function over(text: unknown, own: unknown): unknown {
  if (own === undefined) {
    return text;
  }
  if (!isPlain(text) || !isPlain(own)) {
    return own;
  }
  return Object.fromEntries(Object.entries(text).map(([name, value]) => [name, over(value, own[name])]));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
