/** The dashboard's demo accounts. Replace them with yours. */

import { scryptSync, timingSafeEqual } from "node:crypto";

/** Accounts by name, each with its salt and the scrypt hash of its password. */
const ACCOUNTS: Readonly<Record<string, { salt: string; hash: Buffer }>> = Object.fromEntries(
  ["u_ada", "u_lin", "u_noor", "u_zoe"].map((user) => [user, { salt: user, hash: hashed("sunshine", user) }]),
);
/** The hash compared for unknown names, so that the response time doesn't reveal them. */
const UNKNOWN = { salt: "nobody", hash: hashed("", "nobody") };

/** True if the password is right. */
export function isPassword(user: string, password: string): boolean {
  const isKnown = Object.hasOwn(ACCOUNTS, user);
  const { salt, hash } = (isKnown ? ACCOUNTS[user] : undefined) ?? UNKNOWN;
  return timingSafeEqual(hashed(password, salt), hash) && isKnown;
}

function hashed(password: string, salt: string): Buffer {
  return scryptSync(password, salt, 32, { N: 2 ** 12 });
}
