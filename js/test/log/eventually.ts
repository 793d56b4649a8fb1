/** Waiting for what comes by itself. */

import assert from "node:assert/strict";

/** Asks again and again until it is so; fails when it never is. */
export async function until(isSo: () => Promise<boolean>, within = 60_000): Promise<void> {
  const end = Date.now() + within;
  while (!(await isSo())) {
    assert.ok(Date.now() < end, "it never was so");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
