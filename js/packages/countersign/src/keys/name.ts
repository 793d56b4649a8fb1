/** Names of keys that an issuer may grant: its own name, a slash, and more. */

import { must } from "../error.js";
import { isName } from "../record/key-name.js";

/** Maximum length of a key name, in characters. */
const MAX_NAME = 256;

/** Returns the name of a vkey, or of a private key's text after its prefix. */
export function nameOf(key: string): string {
  return key.slice(0, Math.max(key.indexOf("+"), 0));
}

/** Throws unless the value can be an issuer's name. */
export function checkIssuer(issuer: unknown, member: string): asserts issuer is string {
  const hint = "pass a name such as example.com, without white space and '+'";
  must(isName(issuer) && issuer.length <= MAX_NAME, member, `\`${member}\` must be the name of an issuer's key`, hint);
}

/** True if this issuer may grant keys of this name. */
export function isUnder(issuer: string, name: string): boolean {
  return name.length <= MAX_NAME && name.startsWith(`${issuer}/`) && name.length > issuer.length + 1;
}

/** True if {@link randomName} could have returned the name. */
export function isRandomUnder(issuer: string, name: string): boolean {
  return isUnder(issuer, name) && /^[A-Za-z0-9_-]{16}$/.test(name.slice(issuer.length + 1));
}

/** Returns the issuer's name, a slash, and random characters, because names are public and must not identify anyone. */
export function randomName(issuer: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  const text = btoa(String.fromCharCode(...bytes));
  return `${issuer}/${text.replaceAll("+", "-").replaceAll("/", "_")}`;
}
