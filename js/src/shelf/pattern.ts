/** Patterns: `*` stands for any characters, `\` takes its meaning from what follows. */

/** The text between the stars of a pattern, as it is to be found. */
export function pieces(pattern: string): string[] {
  const found = [];
  let piece = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern.charAt(at);
    if (letter === "*") {
      found.push(piece);
      piece = "";
    } else if (letter === "\\" && at + 1 < pattern.length) {
      at += 1;
      piece += pattern.charAt(at);
    } else {
      piece += letter;
    }
  }
  found.push(piece);
  return found;
}

/** The pattern of these pieces. */
export function patternOf(texts: readonly string[]): string {
  return texts.map(exactly).join("*");
}

/** The pattern that this value alone fits, in either case of its letters: what to ask for when a facet is chosen. */
export function exactly(value: string): string {
  return value.replace(/[\\*]/g, "\\$&");
}
