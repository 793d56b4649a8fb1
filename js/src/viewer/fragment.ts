/**
 * What is looked at, in the fragment of the page's address: `#q=actor:u_1&order=-time&line=12`. Only members that are
 * the viewer's are read and written. A fragment that names a place of the page is left as it is.
 */

/** What an address can say. Empty texts are what is shown without it. */
export interface Shown {
  readonly q: string;
  readonly order: string;
  readonly tz: string;
  readonly columns: string;
  readonly folds: string;
  readonly line: string;
}

const NAMES = ["q", "order", "tz", "columns", "folds", "line"] as const;
/** More than a person's search has. */
const LONGEST = 8000;

/** What a fragment says; `prefix` is before the names where several viewers share a page. */
export function readFragment(hash: string, prefix: string): Shown {
  const members = new URLSearchParams(hash.length > LONGEST ? "" : hash.replace(/^#/, ""));
  const [q = "", order = "", tz = "", columns = "", folds = "", line = ""] = NAMES.map(
    (name) => members.get(prefix + name) ?? "",
  );
  return { q, order, tz, columns, folds, line };
}

/** Whether it is the page's: a place in it. */
export function isPages(hash: string): boolean {
  return /^#[^=]+$/.test(hash);
}

/** The fragment with this in it. */
export function writeFragment(hash: string, prefix: string, shown: Shown): string {
  const members = new URLSearchParams(hash.replace(/^#/, ""));
  for (const name of NAMES) {
    if (shown[name] === "") {
      members.delete(prefix + name);
    } else {
      members.set(prefix + name, shown[name]);
    }
  }
  // Colons, commas and stars are what searches are made of, and may stand there as they are.
  const written = members.toString().replace(/%(3A|2C|2F|40)/g, (escaped) => decodeURIComponent(escaped));
  return written === "" ? "" : `#${written}`;
}
