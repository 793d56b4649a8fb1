/** Tests which bodies a Durable Object's log reads. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { test } from "node:test";
import { AUDITOR, DESK, SETUP } from "../conformance/setup.ts";
import { startLog } from "./start.ts";

test("erase: rejects unauthorized requests before reading the body", async () => {
  const log = await startLog(SETUP);
  try {
    const begin = (token: string) => {
      const headers = { "content-length": 1000, authorization: `Bearer ${token}` };
      const sent = request(new URL("/erase", log.url), { method: "POST", headers, agent: false });
      sent.on("error", () => {});
      sent.flushHeaders();
      return sent;
    };
    for (const [token, status] of [
      ["csr_nobody", 401],
      [AUDITOR, 403],
    ] as const) {
      const sent = begin(token);
      const [answer] = (await once(sent, "response")) as [IncomingMessage];
      assert.equal(answer.statusCode, status);
      sent.destroy();
    }
    const asked = begin(DESK);
    asked.end("x".repeat(1000));
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    assert.equal(answer.statusCode, 400);
    answer.resume();
  } finally {
    await log.close();
  }
});
