/** Names of keys. */

import { CountersignError } from "../error.js";

/** Whether a key can have that name: some text without white space, control characters and `+`. */
export function isName(name: unknown): name is string {
  return typeof name === "string" && /^[^\p{White_Space}\p{Cc}+]+$/u.test(name);
}

/** That something is no key's name. */
export function noName(): CountersignError {
  return new CountersignError("name.invalid", "not a name for a key", {
    member: "name",
    hint: "give one such as example.com/app: a name holds no white space, no control character and no '+'",
  });
}
