/** Tests that a person approves what runs: all of it is shown, and an answer counts for one call, once. */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import * as v2client from "@modelcontextprotocol/client";
import * as v2server from "@modelcontextprotocol/server";
import { gate } from "countersign/gate";
import { auditMcp } from "countersign/mcp";
import { auditTool } from "countersign/openai";
import { createTestRecorder } from "countersign/testing";
import * as z from "zod";
import { guard, recorded, rule } from "./gates.mjs";

/** The text for persons, which isn't exported. */
const { visible, visibleJson } = await import(new URL("./agents/visible.js", import.meta.resolve("countersign")));

const { ApprovalStates } = await import(new URL("./agents/approval-state.js", import.meta.resolve("countersign")));

const open = [];
after(() => Promise.all(open.map((one) => one.close())));

describe("what a person sees", () => {
  test("hidden and directional characters are escaped, and others aren't", () => {
    for (const hidden of [
      "\0",
      "\n",
      "\u007f",
      "\u00a0",
      "\u00ad",
      "\u034f",
      "\u061c",
      "\u115f",
      "\u180e",
      "\u200b",
      "\u200d",
      "\u200e",
      "\u2028",
      "\u202a",
      "\u202e",
      "\u2066",
      "\u2069",
      "\u2800",
      "\u3000",
      "\u3164",
      "\ufe0f",
      "\ufeff",
      "\uffa0",
      "\ud800",
      "\u1160",
      "\u2028",
      "\u2d7f",
      "\u303f",
      "\ufffc",
      "\u{1107f}",
      "\u{13430}",
      "\u{13440}",
      "\u{13441}",
      "\u{13442}",
      "\u{16fe4}",
      "\u{1d159}",
      "\u{1d173}",
      "\u{e0041}",
      "\u{f0000}",
    ]) {
      const shown = visible(`a${hidden}b`);
      assert.match(shown, /^a(\\u[\da-f]{4})+b$/, JSON.stringify(hidden));
      assert.equal(JSON.parse(`"${shown}"`), `a${hidden}b`);
    }
    for (const shown of ["a b", "\u00e9", "\u65e5\u672c", "\u{1f600}", "\u05d0\u05d1", "$\u20ac"]) {
      assert.equal(visible(shown), shown);
    }
  });

  test("JSON text stands for the arguments, with each value on its own line", () => {
    for (const value of [
      { to: "bob\u202e", amount: 5 },
      { a: ["\u05d0", { "\u200b": "\n\\u0041" }], b: null },
      "\ud800 \u2028",
      7,
    ]) {
      const text = visibleJson(value);
      assert.deepEqual(JSON.parse(text), value);
      assert.doesNotMatch(text, /[\u200b\u2028\u202e]/);
    }
    assert.deepEqual(visibleJson({ a: 1, b: [2] }).split("\n"), ["{", '  "a": 1,', '  "b": [', "    2", "  ]", "}"]);
    assert.equal(visibleJson(undefined), "");
  });

  test("`approve` gets all of the arguments in both forms", async () => {
    const asked = [];
    const approve = (request) => asked.push(request) > 0;
    const tool = auditTool(
      await createTestRecorder(),
      { name: "delete", execute: () => "deleted" },
      { gate: guard(), approve },
    );
    const input = { memo: "A".repeat(10_000), to: "bob\u202e" };
    await tool.execute(input);
    assert.deepEqual(asked[0].arguments, input);
    assert.ok(asked[0].argumentsText.includes("A".repeat(10_000)) && asked[0].argumentsText.includes('"bob\\u202e"'));
  });
});

describe("MCP", () => {
  const AUTH = { token: "never recorded", clientId: "c_1", scopes: [], extra: { sub: "u_1", jti: "t_7" } };

  /** Creates a server whose tool `delete` needs approval, and what was run and recorded. */
  async function made(options = {}) {
    const audit = await createTestRecorder();
    const ran = [];
    const handler = v2server.createMcpHandler(() => {
      const server = auditMcp(audit, new v2server.McpServer({ name: "jobs", version: "1.0.0" }), {
        gate: guard(),
        onError: () => {},
        ...options,
      });
      for (const name of ["delete", "other"]) {
        server.registerTool(name, { inputSchema: z.object({ id: z.any() }) }, async ({ id }, context) => {
          ran.push(id);
          const { inputResponses } = context.mcpReq;
          if (id === "asks" && inputResponses?.reason === undefined) {
            return v2server.inputRequired({
              inputRequests: {
                reason: v2server.inputRequired.elicit({
                  message: "Why?",
                  requestedSchema: { type: "object", properties: {} },
                }),
              },
              requestState: "of the tool",
            });
          }
          return { content: [{ type: "text", text: `deleted ${context.mcpReq.requestState?.() ?? ""}` }] };
        });
      }
      return server;
    });
    open.push(handler);
    let nth = 0;
    /** Calls a tool without a session, as a client that isn't the SDK's. */
    const call = async (
      id,
      repetition = {},
      { name = "delete", auth = AUTH, capabilities = { elicitation: {} } } = {},
    ) => {
      nth += 1;
      const _meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { name: "bot", version: "1" },
        "io.modelcontextprotocol/clientCapabilities": capabilities,
      };
      const params = { name, arguments: { id }, _meta, ...repetition };
      const request = new Request("http://mcp.test/mcp", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          "mcp-protocol-version": "2026-07-28",
          "mcp-method": "tools/call",
          "mcp-name": name,
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: nth, method: "tools/call", params }),
      });
      const response = await handler.fetch(request, { authInfo: auth });
      const { result, error } = JSON.parse(await response.text());
      assert.equal(error, undefined, JSON.stringify(error));
      return result;
    };
    return { audit, ran, call };
  }

  const accept = { countersign_approval: { action: "accept", content: {} } };
  const isAsking = ({ resultType, inputRequests }) =>
    resultType === "input_required" && inputRequests.countersign_approval !== undefined;

  test("an answer to its question counts, once", async () => {
    const { audit, ran, call } = await made();
    const asked = await call("42");
    assert.ok(isAsking(asked));
    assert.match(
      asked.inputRequests.countersign_approval.params.message,
      /^Allow "bot" to use "delete" with\n\{\n {2}"id": "42"/,
    );
    const repetition = { inputResponses: accept, requestState: asked.requestState };
    assert.equal(isAsking(await call("42", repetition)), false);
    assert.ok(isAsking(await call("42", repetition)), "the answer was used");
    assert.deepEqual(ran, ["42"]);
    const events = await recorded(audit);
    assert.deepEqual(
      events.map(({ outcome, metadata: { tool } }) => [outcome, tool.approved_by, tool.approval]),
      [
        ["denied", undefined, undefined],
        ["success", "u_1", undefined],
        ["denied", undefined, undefined],
      ],
    );
  });

  test("an approved call counts once in a limit, and a used-up limit isn't hidden by the question", async () => {
    const limits = [{ name: "often", by: () => "all", max: 2, windowMs: 3_600_000 }];
    const rules = [rule("delete", "challenge", { "target.name": "delete" })];
    const own = gate({ pack: { countersign: "rules/v1", name: "agents", rules }, fail: "closed", limits });
    const { ran, call } = await made({ gate: own });
    const ids = ["1", "2"];
    for (const id of ids) {
      const { requestState } = await call(id);
      await call(id, { inputResponses: accept, requestState });
    }
    assert.deepEqual(ran, ids);
    const third = await call("3");
    assert.deepEqual([isAsking(third), third.isError, ran], [false, true, ids]);
  });

  test("a person who is denied can't approve", async () => {
    const { ran, call } = await made();
    const denied = await call("42", {}, { auth: { ...AUTH, extra: { sub: "u_bad" } } });
    assert.deepEqual([isAsking(denied), denied.isError, ran], [false, true, []]);
  });

  test("a declined call doesn't run", async () => {
    const { ran, call } = await made();
    const { requestState } = await call("42");
    const declined = await call("42", {
      inputResponses: { countersign_approval: { action: "decline" } },
      requestState,
    });
    assert.deepEqual([declined.isError, ran], [true, []]);
  });

  test("an answer without its state, or with another's, doesn't count", async () => {
    const { ran, call } = await made();
    const other = await made({ approvals: { key: "k".repeat(32), once: () => true } });
    const { requestState } = await call("42");
    const { requestState: foreign } = await other.call("42");
    const [content, signature] = requestState.split(".");
    const longer = JSON.parse(Buffer.from(content, "base64url"));
    const changed = Buffer.from(JSON.stringify({ ...longer, until: longer.until + 1 })).toString("base64url");
    for (const [id, state, options] of [
      ["42"],
      ["42", ""],
      ["42", foreign],
      ["42", content],
      ["42", `${content}.`],
      ["42", `${changed}.${signature}`],
      ["42", `${content}.${signature}x`],
      ["42", `${requestState}.${signature}`],
      ["43", requestState],
      ["42", requestState, { auth: { ...AUTH, extra: { sub: "u_2" } } }],
      ["42", requestState, { auth: { ...AUTH, clientId: "c_2" } }],
    ]) {
      const result = await call(
        id,
        { inputResponses: accept, ...(state === undefined ? {} : { requestState: state }) },
        options,
      );
      assert.ok(isAsking(result), `${id} ${state}`);
    }
    assert.deepEqual(ran, []);
    assert.equal(isAsking(await call("42", { inputResponses: accept, requestState })), false);
  });

  test("an answer that comes too late doesn't count", async (t) => {
    const { ran, call } = await made();
    const { requestState } = await call("42");
    const now = Date.now() + 120_001;
    t.mock.method(Date, "now", () => now);
    assert.ok(isAsking(await call("42", { inputResponses: accept, requestState })));
    assert.deepEqual(ran, []);
  });

  test("an answer that expires while it is checked doesn't count", async (t) => {
    const until = [];
    let now = Date.now();
    t.mock.method(Date, "now", () => now);
    const once = (_id, time) => {
      until.push(+time);
      now += 120_000;
      return true;
    };
    const { ran, call } = await made({ approvals: { key: "k".repeat(32), once } });
    const expires = now + 120_000;
    const { requestState } = await call("42");
    assert.ok(isAsking(await call("42", { inputResponses: accept, requestState })));
    assert.deepEqual([ran, until], [[], [expires + 300_000]], "IDs are kept for longer than states are valid");
  });

  test("an answer counts once, also while it expires", async (t) => {
    const states = new ApprovalStates();
    const start = Date.now();
    let now = start;
    t.mock.method(Date, "now", () => now);
    const request = { action: "tool.call", target: { type: "tool", id: "x" }, arguments: { id: 1 } };
    const state = await states.read(await states.issue(request, {}, 100));
    assert.equal(await states.redeem(state, request), true);
    now = start + 99;
    const again = Array.from({ length: 10 }, () => states.redeem(state, request));
    now = start + 101;
    assert.ok(!(await Promise.all(again)).includes(true));
  });

  test("processes with the same key accept each other's answers, and each answer once", async () => {
    const used = new Set();
    const once = (id) => !used.has(id) && used.add(id);
    const approvals = { key: "a secret of all processes of the server", once };
    const [first, second] = await Promise.all([made({ approvals }), made({ approvals })]);
    const { requestState } = await first.call("42");
    const repetition = { inputResponses: accept, requestState };
    assert.equal(isAsking(await second.call("42", repetition)), false);
    assert.ok(isAsking(await first.call("42", repetition)));
    assert.deepEqual([first.ran, second.ran], [[], ["42"]]);
  });

  test("a tool that asks for input gets its own state and answers, whatever the gate asks in between", async () => {
    const { ran, call } = await made();
    const asked = await call("asks");
    const why = await call("asks", { inputResponses: accept, requestState: asked.requestState });
    assert.deepEqual(
      [why.resultType, Object.keys(why.inputRequests), why.requestState],
      ["input_required", ["reason"], "of the tool"],
    );
    const reason = { reason: { action: "accept", content: {} } };
    const again = await call("asks", { inputResponses: reason, requestState: why.requestState });
    assert.ok(isAsking(again));
    const done = await call("asks", { inputResponses: accept, requestState: again.requestState });
    assert.deepEqual([done.content[0].text, ran], ["deleted of the tool", ["asks", "asks"]]);
  });

  test("a question that is too long isn't asked", async () => {
    const asked = [];
    for (const [options, outcome] of [
      [{}, "denied"],
      [{ approve: ({ argumentsText }) => asked.push(argumentsText) > 0 }, "success"],
    ]) {
      const { audit, call } = await made(options);
      await call({ memo: "A".repeat(4_000), to: "attacker" });
      const [event] = await recorded(audit);
      assert.equal(event.outcome, outcome);
    }
    assert.match(asked[0], /attacker/);
  });

  test("without a known person, the event names none", async () => {
    const audit = await createTestRecorder();
    const server = auditMcp(audit, new v2server.McpServer({ name: "jobs", version: "1.0.0" }), { gate: guard() });
    server.registerTool("delete", {}, async () => ({ content: [] }));
    const client = new v2client.Client({ name: "bot", version: "1" }, { capabilities: { elicitation: {} } });
    client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: {} }));
    const [near, far] = v2server.InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(far), client.connect(near)]);
    open.push(client);
    await client.callTool({ name: "delete" });
    const [{ outcome, metadata }] = await recorded(audit);
    assert.deepEqual(
      [outcome, metadata.tool.approved_by, metadata.tool.approval],
      ["success", undefined, "reported_by_client"],
    );
  });

  test("mistakes are explained", async () => {
    const audit = await createTestRecorder();
    for (const [approvals, member] of [
      [{ key: "short", once: () => true }, "approvals.key"],
      [{ key: "k".repeat(32) }, "approvals.once"],
      [{ key: "k".repeat(32), once: () => true, onse: 1 }, "approvals.onse"],
    ]) {
      const wrap = () => auditMcp(audit, new v2server.McpServer({ name: "x", version: "1" }), { approvals });
      assert.throws(wrap, ({ code, member: found }) => code === "options.invalid" && found === member);
    }
  });
});
