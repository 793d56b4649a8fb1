import type { Language } from "../../src/texts/index.ts";
import { de } from "./de.ts";
import { type ConsoleTexts, en } from "./en.ts";

export type { ConsoleTexts } from "./en.ts";

/** The languages that the console speaks: those of the auditor's page. */
export const TEXTS: Readonly<Record<Language, ConsoleTexts>> = { en, de };
