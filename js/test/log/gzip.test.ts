/** Tests which clients get a compressed export. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { takesGzip } from "../../packages/cloudflare-log/out/responses.js";

for (const [said, takes] of [
  ["gzip", true],
  ["gzip, br", true],
  ["br;q=1.0, GZIP;q=0.5", true],
  ["*", true],
  ["*;q=0.1, gzip; q=0", false],
  ["gzip;q=0", false],
  ["gzip;q=0.000, br", false],
  ["*;q=0", false],
  ["identity", false],
  ["gzip;q=x", false],
  ["", false],
  [undefined, false],
] as const) {
  test(`takesGzip: ${said ?? "no header"} means ${takes ? "yes" : "no"}`, () => {
    const headers = said === undefined ? {} : { "accept-encoding": said };
    const request = new Request("https://log.example/export", { headers });
    assert.equal(takesGzip(request), takes);
    // The runtime's own header doesn't come from the client.
    const from = (clientAcceptEncoding: string | undefined) =>
      Object.assign(new Request("https://log.example/export", { headers: { "accept-encoding": "gzip" } }), {
        cf: { ...(clientAcceptEncoding !== undefined && { clientAcceptEncoding }) },
      });
    assert.equal(takesGzip(from(said)), takes);
  });
}
