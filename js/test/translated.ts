/** Replaces old words in the expected reports of `tests/vectors`. */

import { readFileSync } from "node:fs";

/** Pairs of old words in the expected reports and the words that replaced them. */
const TRANSLATION = readFileSync(new URL("../../tests/vectors-translation.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.includes("\t"))
  .map((line) => line.split("\t") as [string, string]);

/** Returns an expected report with the current words. */
export const translated = (report: string): string =>
  TRANSLATION.reduce((text, [old, now]) => text.replaceAll(old, now), report);
