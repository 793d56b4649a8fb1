/** What an export shall hold; where nothing is said, the whole log. */
export interface Wanted {
  readonly actor: string;
  readonly action: string;
  /** Date and time in UTC as a browser's field gives it: `2026-11-20T06:01`. */
  readonly since: string;
  readonly until: string;
  /** Words, all of which an event holds. */
  readonly words: string;
}

/**
 * The address of an export, beside the page that the log serves. A part of the log can be held against a pin only if it
 * is cut at the pin's size, so that is asked for too; the whole can be held against any.
 */
export function exportAddress(
  page: { origin: string; pathname: string },
  wanted: Wanted,
  pinned: number | undefined,
): string {
  // Not the page's whole address: that may carry a name and a password.
  const address = new URL("export", page.origin + page.pathname);
  const asked = {
    actor: wanted.actor,
    action: wanted.action,
    since: instant(wanted.since),
    until: instant(wanted.until),
    q: wanted.words,
    boundary: conditions(wanted) > 0 && pinned !== undefined ? String(pinned) : "",
  };
  for (const [name, text] of Object.entries(asked)) {
    if (text.trim() !== "") address.searchParams.set(name, text.trim());
  }
  return address.href;
}

/** How many conditions there are. */
export function conditions(wanted: Wanted): number {
  return Object.values(wanted).filter((text) => text.trim() !== "").length;
}

/** The size of the largest pin, in leaves: a checkpoint has it on its second line. */
export function pinnedSize(pins: readonly string[]): number | undefined {
  const sizes = pins.map((pin) => pin.split("\n")[1] ?? "").filter((size) => /^[0-9]{1,15}$/.test(size));
  return sizes.length > 0 ? Math.max(...sizes.map(Number)) : undefined;
}

/** Whether a header can carry it: one word of visible ASCII. */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,4096}$/.test(text);
}

/** `2026-11-20T06:01` as `2026-11-20T06:01:00.000Z`. */
function instant(field: string): string {
  return field === "" ? "" : `${field}${":00.000".slice(field.length - 16)}Z`;
}

/** The file name that the log gives an export, without any folder. */
export function fileName(disposition: string | null): string {
  const text = disposition ?? "";
  const encoded = /;\s*filename\*\s*=\s*UTF-8''([^;\s]+)/i.exec(text)?.[1];
  const quoted = /;\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(text)?.[1]?.replace(/\\(.)/g, "$1");
  const plain = /;\s*filename\s*=\s*([^";\s]+)/i.exec(text)?.[1];
  const given = decoded(encoded) ?? quoted ?? plain ?? "";
  const name = given.replace(/^.*[/\\]/su, "").replace(/\p{C}/gu, "");
  return /^\.*$/.test(name) || name.length > 200 ? "export.countersign.ndjson" : name;
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
