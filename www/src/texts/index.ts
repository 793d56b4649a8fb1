import { de } from "./de.ts";
import { en, type PageTexts } from "./en.ts";

export type { PageTexts } from "./en.ts";

/** The languages that the page speaks. */
export const LANGUAGES = { en, de } satisfies Record<string, PageTexts>;

export type Language = keyof typeof LANGUAGES;

const KEY = "countersign.language";

/** The language that was chosen before on this device, or the first of the browser's that the page speaks. */
export function spoken(): Language {
  const wanted = [kept() ?? "", ...navigator.languages].map((tag) => tag.toLowerCase().split("-")[0]);
  return wanted.find(isSpoken) ?? "en";
}

/** Keeps the choice, where the browser allows it. */
export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // It is chosen again next time.
  }
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function isSpoken(tag: string | undefined): tag is Language {
  return tag !== undefined && Object.hasOwn(LANGUAGES, tag);
}
