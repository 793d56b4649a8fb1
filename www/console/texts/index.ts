import type { Language } from "../../src/texts/index.ts";
import { de } from "./de.ts";
import { type ConsoleTexts, en } from "./en.ts";

export type { ConsoleTexts } from "./en.ts";

/** Languages of the console, the same as those of the page. */
export const TEXTS: Readonly<Record<Language, ConsoleTexts>> = { en, de };
