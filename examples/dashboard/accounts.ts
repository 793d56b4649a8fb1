/** The accounts of the dashboard, which stand for yours. */

import { scryptSync, timingSafeEqual } from "node:crypto";

/** Names, each with its salt and what scrypt makes of its password. */
const ACCOUNTS: Readonly<Record<string, { salt: string; hash: Buffer }>> = Object.fromEntries(
  ["u_ada", "u_lin", "u_noor", "u_zoe"].map((user) => [user, { salt: user, hash: hashed("sunshine", user) }]),
);
/** What is compared with where there is no such account, so that the time it takes does not tell. */
const NOBODY = { salt: "nobody", hash: hashed("", "nobody") };

/** Whether this is the password of that account. */
export function isPassword(user: string, password: string): boolean {
  const isKnown = Object.hasOwn(ACCOUNTS, user);
  const { salt, hash } = (isKnown ? ACCOUNTS[user] : undefined) ?? NOBODY;
  return timingSafeEqual(hashed(password, salt), hash) && isKnown;
}

function hashed(password: string, salt: string): Buffer {
  return scryptSync(password, salt, 32, { N: 2 ** 12 });
}
