import { de } from "./de.ts";
import { en, type PageTexts } from "./en.ts";

export type { PageTexts } from "./en.ts";

/** Languages of the page. */
export const LANGUAGES = { en, de } satisfies Record<string, PageTexts>;

export type Language = keyof typeof LANGUAGES;

const KEY = "countersign.language";

/** Returns the language chosen before on this device, or the browser's first language that the page has. */
export function spoken(): Language {
  const preferred = [stored() ?? "", ...navigator.languages].map((tag) => tag.toLowerCase().split("-")[0]);
  return preferred.find(isSupported) ?? "en";
}

/** Stores the choice, if the browser allows it. */
export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // The reader chooses again next time.
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function isSupported(tag: string | undefined): tag is Language {
  return tag !== undefined && Object.hasOwn(LANGUAGES, tag);
}
