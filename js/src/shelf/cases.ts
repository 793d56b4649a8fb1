const FIRST_CASED = 0x41;
/** After the last letter that has a case. */
const END_OF_CASED = 0x1e944;
const HAS_CASES = /\p{Changes_When_Casemapped}/u;

let cased: string | undefined;

/** All characters of more than one case. */
function allCased(): string {
  if (cased === undefined) {
    const found = [];
    for (let point = FIRST_CASED; point < END_OF_CASED; point += 1) {
      if (point < 0xd800 || point > 0xdfff) {
        const letter = String.fromCodePoint(point);
        if (HAS_CASES.test(letter)) {
          found.push(letter);
        }
      }
    }
    cased = found.join("");
  }
  return cased;
}

/** The character in all its cases, by Unicode's simple case folding: `k` has three, the Kelvin sign among them. */
export function casesOf(letter: string): readonly string[] {
  const code = letter.charCodeAt(0);
  if (code < FIRST_CASED) {
    return [letter];
  }
  const pattern = new RegExp(`\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`, "giu");
  return [...new Set([letter, ...(allCased().match(pattern) ?? [])])];
}
