import { UNSEEN } from "./format.js";

/** Letters that are easily taken for a Latin one, each before the one it is taken for. */
const PAIRS =
  "аaеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwАAВBЕEКKМMНHОOРPСCТTХXУYІIЈJЅSԌG" + "οoνvρpαaιiκkυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";

const LATIN = new Map(Array.from(PAIRS.matchAll(/(.)(.)/gu), ([, taken, latin]) => [taken ?? "", latin ?? ""]));

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const HAS_LATIN = /\p{Script=Latin}/u;

/** A part of a text, and whether it is a letter of another script that is taken for a Latin one. */
export interface Lettered {
  readonly text: string;
  readonly disguised: boolean;
}

/** Parts a text at letters that are taken for Latin ones, in words that are otherwise Latin. */
export function disguised(text: string): Lettered[] {
  const parts: Lettered[] = [];
  let end = 0;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (!HAS_LATIN.test(word)) {
      continue;
    }
    let place = index;
    for (const letter of word) {
      if (LATIN.has(letter)) {
        if (place > end) {
          parts.push({ text: text.slice(end, place), disguised: false });
        }
        parts.push({ text: letter, disguised: true });
        end = place + letter.length;
      }
      place += letter.length;
    }
  }
  if (end < text.length) {
    parts.push({ text: text.slice(end), disguised: false });
  }
  return parts;
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
