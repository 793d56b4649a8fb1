/** What a shell needs no quotes for. */
const PLAIN = /^[A-Za-z0-9_./:@%+=,-]+$/;
/** A terminal might act on these when the command is pasted, and a reader does not see them. */
const UNSEEN = /[\p{Cc}\p{Cf}]/u;

/** One word for a POSIX shell; one with control characters needs bash, ksh or zsh. */
export function quote(word: string): string {
  if (PLAIN.test(word)) return word;
  if (!UNSEEN.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${Array.from(new TextEncoder().encode(word), escaped).join("")}'`;
}

function escaped(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[ -~]/.test(character) && !/['\\]/.test(character)
    ? character
    : `\\${byte.toString(8).padStart(3, "0")}`;
}

/** A file name that no program takes for an option. */
export function path(name: string): string {
  return quote(name.startsWith("-") ? `./${name}` : name);
}

/** The command that verifies the same files with the same trust. */
export function command(file: string, trust: string | undefined, pins: readonly string[]): string {
  const words = ["countersign", "verify", path(file)];
  if (trust !== undefined) words.push("--trust", path(trust));
  for (const pin of pins) words.push("--pin", path(pin));
  return words.join(" ");
}
