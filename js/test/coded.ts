/** Error matchers for `assert.throws` and `assert.rejects`. */

import assert from "node:assert/strict";

/** Matches an error with this code, and with this field or none. */
export const coded = (code: string, member?: string | null) => (error: { code?: string; member?: string }) => {
  assert.deepEqual([error.code, error.member], [code, member ?? undefined], `${error}`);
  return true;
};
