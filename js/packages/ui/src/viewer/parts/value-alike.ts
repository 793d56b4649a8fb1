import { type Part, parted, UNSEEN } from "./format.js";

/** Letters that are easily taken for a Latin one, each before the one it is taken for. */
const PAIRS =
  "аaеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwАAВBЕEКKМMНHОOРPСCТTХXУYІIЈJЅSԌG" + "οoνvρpαaιiκkυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";

const LATIN = new Map(Array.from(PAIRS.matchAll(/(.)(.)/gu), ([, taken, latin]) => [taken ?? "", latin ?? ""]));

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const HAS_LATIN = /\p{Script=Latin}/u;
const TAKEN = new RegExp(`[${[...LATIN.keys()].join("")}]`, "gu");

/** Parts a text at letters that are taken for Latin ones, in words that are otherwise Latin. */
export function disguised(text: string): Part[] {
  const words = [...text.matchAll(WORD)].filter(([word]) => HAS_LATIN.test(word));
  return parted(
    text,
    words.flatMap(({ 0: word, index }) =>
      [...word.matchAll(TAKEN)].map(({ 0: letter, index: within }) => {
        const begin = index + within;
        return [begin, begin + letter.length, letter] as const;
      }),
    ),
  );
}

/** What a text is taken for at a glance. */
function skeleton(text: string): string {
  const seen = text.normalize("NFKC").replace(UNSEEN, "");
  return Array.from(seen, (letter) => LATIN.get(letter) ?? letter).join("");
}

/** The names of an event that something is made of. */
const KNOWN = ["action", "actor", "target", "outcome", "reason", "tenant", "before", "after", "id", "name", "type"];

/** Longer names deceive nobody. */
const LONGEST = 100;

/** For each name of one object that looks like another, the other. Names that are alike but not the same are listed. */
export function lookAlikes(names: readonly string[]): ReadonlyMap<string, string> {
  const first = new Map(KNOWN.map((name) => [name, name]));
  const found = new Map<string, string>();
  for (const name of names) {
    if (name.length > LONGEST) {
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
