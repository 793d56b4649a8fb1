import { type Part, splitAt, UNSEEN } from "./format.js";

/** Letters that look like a Latin one, each followed by that Latin letter. */
const PAIRS =
  "аaеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwАAВBЕEКKМMНHОOРPСCТTХXУYІIЈJЅSԌG" + "οoνvρpαaιiκkυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";

const LATIN = new Map(Array.from(PAIRS.matchAll(/(.)(.)/gu), ([, letter, latin]) => [letter ?? "", latin ?? ""]));

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const HAS_LATIN = /\p{Script=Latin}/u;
const LOOKALIKE = new RegExp(`[${[...LATIN.keys()].join("")}]`, "gu");

/** Splits a string at letters that look Latin but aren't, in words that are otherwise Latin. */
export function disguised(text: string): Part[] {
  const words = [...text.matchAll(WORD)].filter(([word]) => HAS_LATIN.test(word));
  return splitAt(
    text,
    words.flatMap(({ 0: word, index }) =>
      [...word.matchAll(LOOKALIKE)].map(({ 0: letter, index: within }) => {
        const begin = index + within;
        return [begin, begin + letter.length, letter] as const;
      }),
    ),
  );
}

/** Returns what a string looks like at a glance. */
function skeleton(text: string): string {
  const seen = text.normalize("NFKC").replace(UNSEEN, "");
  return Array.from(seen, (letter) => LATIN.get(letter) ?? letter).join("");
}

/** Field names of an event that have a meaning. */
const KNOWN_NAMES = [
  "action",
  "actor",
  "on_behalf_of",
  "target",
  "outcome",
  "reason",
  "tenant",
  "before",
  "after",
  "id",
  "name",
  "type",
];

/** Maximum length of a name that could deceive anyone. */
const MAX_NAME_LENGTH = 100;

/**
 * Maps each name of an object that looks like a different name to that name. Names that don't look like another are
 * not included.
 */
export function lookAlikes(names: readonly string[]): ReadonlyMap<string, string> {
  const first = new Map(KNOWN_NAMES.map((name) => [name, name]));
  const found = new Map<string, string>();
  for (const name of names) {
    if (name.length > MAX_NAME_LENGTH) {
      continue;
    }
    const seen = skeleton(name);
    const other = first.get(seen);
    if (other === undefined) {
      first.set(seen, name);
    } else if (other !== name) {
      found.set(name, other);
    }
  }
  return found;
}
