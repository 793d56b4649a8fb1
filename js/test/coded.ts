/** What `assert.throws` and `assert.rejects` may ask of an error. */

import assert from "node:assert/strict";

/** Whether an error has the code, and the member or none. */
export const coded = (code: string, member?: string | null) => (error: { code?: string; member?: string }) => {
  assert.deepEqual([error.code, error.member], [code, member ?? undefined], `${error}`);
  return true;
};
