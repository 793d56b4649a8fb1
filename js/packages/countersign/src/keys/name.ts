/** Names of keys that an issuer may grant: its own name, a slash, and more. */

import { must } from "../error.js";
import { isName } from "../record/key-name.js";

/** The longest name of a key that is made or granted here. */
const LONGEST = 256;

/** The name of a verifier key or of a signer key's text after its prefix. */
export function nameOf(key: string): string {
  return key.slice(0, Math.max(key.indexOf("+"), 0));
}

/** Refuses what can be no issuer's name. */
export function checkIssuer(issuer: unknown, member: string): asserts issuer is string {
  const hint = "give the name of the issuer's key, such as example.com; it holds no white space and no '+'";
  must(isName(issuer) && issuer.length <= LONGEST, member, "no issuer's name", hint);
}

/** Whether the issuer of that name may speak of a key of that name. */
export function isUnder(issuer: string, name: string): boolean {
  return name.length <= LONGEST && name.startsWith(`${issuer}/`) && name.length > issuer.length + 1;
}

/** Whether a name is one that {@link randomName} could have made. */
export function isRandomUnder(issuer: string, name: string): boolean {
  return isUnder(issuer, name) && /^[A-Za-z0-9_-]{16}$/.test(name.slice(issuer.length + 1));
}

/** The issuer's name and random characters: key names are public, so they tell nothing of anybody. */
export function randomName(issuer: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  const text = btoa(String.fromCharCode(...bytes));
  return `${issuer}/${text.replaceAll("+", "-").replaceAll("/", "_")}`;
}
