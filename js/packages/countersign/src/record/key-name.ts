/** Rules for the names of keys. */

import { CountersignError } from "../error.js";

/** True if a key may have this name: a non-empty string without white space, control characters, and `+`. */
export function isName(name: unknown): name is string {
  return typeof name === "string" && /^[^\p{White_Space}\p{Cc}+]+$/u.test(name);
}

/** Returns the error for an invalid key name. */
export function noName(): CountersignError {
  return new CountersignError("name.invalid", "the key's name is invalid", {
    member: "name",
    hint: "use a name such as example.com/app, without white space, control characters, and '+'",
  });
}
