/** Names of keys. */

/** Whether a key can have that name: some text without white space, control characters and `+`. */
export function isName(name: string): boolean {
  return /^[^\p{White_Space}\p{Cc}+]+$/u.test(name);
}
