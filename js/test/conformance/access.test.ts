/** Who reads events: tokens, and nothing else. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { onEachLog } from "./log.ts";
import { AUDITOR, DESK, FORMER, GUEST, SETUP } from "./setup.ts";

onEachLog((log) => {
  const place = "da7f84a510cb84b8cbb5b74a63c306ec/1";
  const routes = [
    ["GET", "/export"],
    ["GET", "/export?color=red"],
    ["GET", `/proof/${place}`],
    ["GET", "/proof/x/1"],
    ["GET", "/explain?query=a:1"],
    ["GET", "/stream"],
    ["GET", "/evidence"],
    ["GET", "/erasures"],
    ["POST", "/erase"],
  ] as const;

  test("nobody reads or erases without a good token", async () => {
    for (const [method, path] of routes) {
      const basic = Buffer.from(`auditor:${DESK}`).toString("base64");
      const headers: Record<string, string | string[]>[] = [
        {},
        { authorization: "" },
        { authorization: "Bearer" },
        { authorization: "Bearer " },
        { authorization: "Bearer csr_wrong" },
        { authorization: `Bearer ${FORMER}` },
        { authorization: `Bearer ${DESK}x` },
        { authorization: `Bearer ${DESK.toUpperCase()}` },
        { authorization: `Bearer  ${DESK}` },
        { authorization: DESK },
        { authorization: `Token ${DESK}` },
        { authorization: `Basic ${basic}` },
        { cookie: `token=${DESK}` },
        { "x-token": DESK },
      ];
      for (const given of headers) {
        const answer = await log.ask(path, { method, headers: given, body: method === "POST" ? "{}" : "" });
        assert.deepEqual(answer.refusal(401, "request.unauthenticated"), {}, `${path} ${JSON.stringify(given)}`);
        assert.equal(answer.headers["www-authenticate"], "Bearer");
        assert.ok(!answer.text.includes(DESK));
      }
    }
    const inQuery = await log.get(`/export?token=${AUDITOR}&access_token=${AUDITOR}`);
    inQuery.refusal(401, "request.unauthenticated");
    assert.ok(!inQuery.text.includes(AUDITOR));
  });

  test("two tokens are none", async () => {
    const headers = { authorization: [`Bearer ${AUDITOR}`, "Bearer csr_wrong"] };
    (await log.ask("/export", { headers })).refusal(401, "request.unauthenticated");
  });

  test("who may read need not be allowed to erase", async () => {
    for (const token of [AUDITOR, GUEST]) {
      assert.deepEqual((await log.erase({}, token)).refusal(403, "request.forbidden"), {});
      assert.equal((await log.get("/export", token)).status, 200);
    }
    (await log.erase({}, DESK)).refusal(400, "request.invalid");
    assert.equal((await log.get("/export", DESK)).status, 200);
  });

  test("the scheme's name is that in any case", async () => {
    assert.equal((await log.get("/export", undefined, { authorization: `bEARER ${AUDITOR}` })).status, 200);
  });

  test("what is public needs none, and minds none", async () => {
    for (const path of ["/checkpoint", "/healthz", "/metrics", "/"]) {
      assert.equal((await log.get(path, "csr_wrong")).status, 200, path);
    }
  });

  test("readers come and go", { skip: log.lasting }, async () => {
    const without = SETUP.readers.split("\n").filter((line) => !line.endsWith(" auditor"));
    await log.restart({ readers: without.join("\n") });
    (await log.get("/export", AUDITOR)).refusal(401, "request.unauthenticated");
    assert.equal((await log.get("/export", DESK)).status, 200);
    await log.restart({ readers: "" });
    (await log.get("/export", DESK)).refusal(401, "request.unauthenticated");
    await log.restart();
    assert.equal((await log.get("/export", AUDITOR)).status, 200);
  });

  test("with a list of readers that cannot be read nobody is let in", { skip: log.lasting }, async () => {
    await log.restart({ readers: `${SETUP.readers}what is this\n` });
    const answer = await log.get("/export", AUDITOR);
    answer.refusal(503, "server.unavailable");
    assert.ok(Number(answer.headers["retry-after"]) >= 1);
    assert.ok(!answer.text.includes("what is this"));
    await log.restart();
  });
});
