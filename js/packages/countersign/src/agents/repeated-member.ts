/** Finds what `JSON.parse` loses. */

/** Matches strings, with the colon after a member's name, and the ends of objects and arrays. */
const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs;

/** True if an object in a valid JSON text has the same member twice: programs differ in which one they read. */
export function hasRepeatedMember(text: string): boolean {
  /** The names in each open object; arrays have none. */
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      open.push(new Set());
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (colon !== undefined) {
      const name: string = JSON.parse(token.slice(0, -colon.length));
      const names = open.at(-1);
      if (names?.has(name)) {
        return true;
      }
      names?.add(name);
    }
  }
  return false;
}
