/** Characters that a shell needs no quotes for. */
const PLAIN = /^[A-Za-z0-9_./:@%+=,-]+$/;
/** Invisible characters that a terminal might act on when the command is pasted. */
const UNSEEN = /[\p{Cc}\p{Cf}]/u;

/** Quotes a word for a POSIX shell. Words with control characters need bash, ksh, or zsh. */
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

/** Returns a file name that no program takes for an option. */
export function path(name: string): string {
  return quote(name.startsWith("-") ? `./${name}` : name);
}

/** Returns the command that verifies the same files with the same trust. */
export function command(file: string, trust: string | undefined, pins: readonly string[]): string {
  const words = ["countersign", "verify", path(file)];
  if (trust !== undefined) words.push("--trust", path(trust));
  for (const pin of pins) words.push("--pin", path(pin));
  return words.join(" ");
}

/** Returns the command that compares an evidence file with its export. */
export function checkCommand(evidence: string, source: string, trust: string): string {
  return ["countersign", "report", "--check", path(evidence), path(source), "--trust", path(trust)].join(" ");
}
