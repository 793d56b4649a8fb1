/** Matches the domain of an email address. */
const DOMAIN = /@[^\s()]+/g;

/** Returns a name without the domains of email addresses in it, which people of one company share. */
export function withoutDomain(name: string): string {
  const local = name.replace(DOMAIN, "");
  return local.trim() === "" ? name : local;
}

/**
 * Returns how similar two names are, from 0 to 1: the share of pairs of adjacent characters that both have, without the
 * domains of email addresses.
 */
export function similarity(one: string, other: string): number {
  const [a, b] = [pairs(withoutDomain(one)), pairs(withoutDomain(other))];
  if (a.length + b.length === 0) return 0;
  const rest = [...b];
  let common = 0;
  for (const pair of a) {
    const at = rest.indexOf(pair);
    if (at < 0) continue;
    rest.splice(at, 1);
    common += 1;
  }
  return (2 * common) / (a.length + b.length);
}

function pairs(name: string): readonly string[] {
  const characters = Array.from(name.toLowerCase());
  return characters.slice(1).map((character, nth) => `${characters[nth]}${character}`);
}
