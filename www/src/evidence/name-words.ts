/** Maximum number of words of a name that are searched one by one: their orders are all in the query. */
const MAX_WORDS = 4;
/** Minimum number of letters that two words with one stem share, such as `setting` and `settings`. */
const MIN_STEM_LENGTH = 4;
/** Minimum share of the shorter word that the stem is. */
const MIN_STEM_SHARE = 2 / 3;

/** Returns the words of a name, such as `maria` and `silva` of `maria.silva`. */
export function wordsOf(name: string): readonly string[] {
  return [...new Set(name.split(/[\s.,;_\-/:@]+/u).filter((word) => word !== ""))];
}

/**
 * Returns the words of a typed name if each can be searched by itself; undefined otherwise. A name without spaces may be
 * an ID or an address, so it is searched by its words only if all of them are letters.
 */
export function searchableWords(name: string): readonly string[] | undefined {
  const words = wordsOf(name);
  const isText = /\s/u.test(name) || words.every((word) => /^\p{L}{2,}$/u.test(word));
  return isText && words.length > 1 && words.length <= MAX_WORDS ? words : undefined;
}

/** Returns all orders of words, first the one given. */
export function ordersOf(words: readonly string[]): readonly (readonly string[])[] {
  if (words.length <= 1) return [words];
  return words.flatMap((word, nth) => ordersOf(words.toSpliced(nth, 1)).map((rest) => [word, ...rest]));
}

/** Returns the beginning of a word that its other forms share. */
export function stemOf(word: string): string {
  return word.slice(0, Math.max(MIN_STEM_LENGTH, Math.ceil(word.length * MIN_STEM_SHARE)));
}

/** Returns the share of the words of a name that another name has in some form, from 0 to 1. */
export function sharedWords(name: string, other: string): number {
  const [words, others] = [name, other].map((one) => wordsOf(one.toLowerCase()));
  if (words === undefined || others === undefined || words.length === 0) return 0;
  return words.filter((word) => others.some((one) => isForm(word, one))).length / words.length;
}

function isForm(word: string, other: string): boolean {
  const shorter = Math.min(word.length, other.length);
  const needed = Math.max(MIN_STEM_LENGTH, Math.ceil(shorter * MIN_STEM_SHARE));
  return word.slice(0, needed) === other.slice(0, needed) && shorter >= MIN_STEM_LENGTH;
}
