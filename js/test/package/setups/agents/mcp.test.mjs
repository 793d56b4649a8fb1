/** Tests of `countersign/mcp` with both generations of the TypeScript SDK. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, describe, test } from "node:test";
import * as v2client from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InMemoryTransport as OldTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import * as v2server from "@modelcontextprotocol/server";
import { asyncContext, auditFetch } from "countersign";
import { auditMcp, auditMcpClient } from "countersign/mcp";
import { auditTool } from "countersign/openai";
import { createTestRecorder } from "countersign/testing";
import * as z from "zod";
import { guard, recorded, rule, sha256 } from "./gates.mjs";

/** A token of `u_1`, which the client `c_1` uses through two agents. */
const AUTH = {
  token: "never recorded",
  clientId: "c_1",
  scopes: ["jobs"],
  extra: { sub: "u_1", jti: "t_7", act: { sub: "support-bot", act: { sub: "planner" } } },
};

const open = [];
after(() => Promise.all(open.map((one) => one.close())));

/** Registers what the tests call. */
function furnish(server, audit) {
  server.registerTool("read", { inputSchema: z.object({ path: z.string() }) }, async ({ path }) => ({
    content: [{ type: "text", text: `contents of ${path}` }],
  }));
  server.registerTool("delete", { inputSchema: z.object({ id: z.string() }) }, async ({ id }) => {
    audit.record("job.delete", { target: ["job", id] });
    return { content: [{ type: "text", text: "deleted" }] };
  });
  server.registerTool("login", { inputSchema: z.object({ user: z.string(), password: z.string() }) }, async () => ({
    content: [],
  }));
  server.registerTool("refuses", {}, async () => ({ content: [{ type: "text", text: "no such job" }], isError: true }));
  server.registerTool("throws", {}, async () => {
    throw new Error("the database is down");
  });
  server.registerTool("hangs", {}, () => new Promise(() => {}));
  server.registerTool("waits", {}, async (context) => {
    const signal = context.signal ?? context.mcpReq.signal;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { content: [] };
  });
  server.registerResource("job", "jobs://42", {}, async (uri) => ({ contents: [{ uri: uri.href, text: "job 42" }] }));
  server.registerPrompt("greet", { argsSchema: { name: z.string() } }, ({ name }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Hello ${name}` } }],
  }));
  return server;
}

const GENERATIONS = {
  "@modelcontextprotocol/sdk": {
    Server: OldServer,
    Client: OldClient,
    Transport: OldTransport,
    onElicit: (client, answer) => client.setRequestHandler(ElicitRequestSchema, answer),
  },
  "@modelcontextprotocol/server": {
    Server: v2server.McpServer,
    Client: v2client.Client,
    Transport: v2server.InMemoryTransport,
    onElicit: (client, answer) => client.setRequestHandler("elicitation/create", answer),
  },
};

for (const [name, { Server, Client, Transport, onElicit }] of Object.entries(GENERATIONS)) {
  /** Connects a client to an audited server. */
  async function connected({ options = {}, elicit, auth, isEarly = false, audit: given, info } = {}) {
    const audit = given ?? (await createTestRecorder());
    const server = new Server({ name: "jobs", version: "2.0.0" });
    if (isEarly) {
      furnish(server, audit);
      auditMcp(audit, server, options);
    } else {
      furnish(auditMcp(audit, server, options), audit);
    }
    const client = new Client(info ?? { name: "claude-code", version: "1.2.3" }, {
      capabilities: elicit ? { elicitation: {} } : {},
    });
    if (elicit) {
      onElicit(client, elicit);
    }
    const [near, far] = Transport.createLinkedPair();
    if (auth) {
      const send = near.send.bind(near);
      near.send = (message, options) => send(message, { ...options, authInfo: auth });
    }
    await Promise.all([server.connect(far), client.connect(near)]);
    open.push(client);
    return { audit, client, server };
  }

  describe(name, () => {
    test("a call is recorded with agent, arguments, and the hash of its result", async () => {
      const { audit, client } = await connected();
      const result = await client.callTool({ name: "read", arguments: { path: "/tmp/a" } });
      assert.equal(result.content[0].text, "contents of /tmp/a");
      const [event, ...others] = await recorded(audit);
      assert.deepEqual(others, []);
      const { duration_ms, call_id, ...tool } = event.metadata.tool;
      assert.ok(Number.isInteger(duration_ms) && duration_ms >= 0);
      assert.match(call_id, /^\d+$/);
      const content = [{ text: "contents of /tmp/a", type: "text" }];
      assert.deepEqual(tool, {
        server: "jobs",
        arguments: { path: "/tmp/a" },
        result_sha256: await sha256({ content }),
        result_bytes: JSON.stringify({ content }).length,
      });
      assert.deepEqual(event, {
        action: "tool.call",
        actor: { id: "claude-code", type: "agent" },
        target: { type: "tool", id: "jobs/read", name: "read" },
        outcome: "success",
        metadata: { agent: { framework: "mcp", version: "1.2.3" }, tool: event.metadata.tool },
      });
    });

    test("tools registered before the server was wrapped are recorded", async () => {
      const { audit, client } = await connected({ isEarly: true });
      await client.callTool({ name: "read", arguments: { path: "/tmp/a" } });
      await client.readResource({ uri: "jobs://42" });
      await client.getPrompt({ name: "greet", arguments: { name: "Grace" } });
      const events = await recorded(audit);
      assert.deepEqual(
        events.map(({ action, target, outcome }) => [action, target.type, target.id, outcome]),
        [
          ["tool.call", "tool", "jobs/read", "success"],
          ["resource.read", "resource", "jobs://42", "success"],
          ["prompt.get", "prompt", "greet", "success"],
        ],
      );
    });

    test("the token's subject and its actors are recorded, also in the tool's own events", async () => {
      const { audit, client } = await connected({ auth: AUTH });
      await client.callTool({ name: "delete", arguments: { id: "42" } });
      const [deleted, call] = await recorded(audit);
      const person = { id: "u_1", type: "user", grant: "t_7", via: [{ type: "agent", id: "planner" }] };
      assert.equal(deleted.action, "job.delete");
      for (const event of [deleted, call]) {
        assert.deepEqual(event.actor, { id: "support-bot", type: "agent", name: "claude-code" });
        assert.deepEqual(event.on_behalf_of, person);
      }
      assert.doesNotMatch(JSON.stringify(call), /never recorded/);
    });

    test("failures: an error result, an exception, an unknown tool, and invalid arguments", async () => {
      const { audit, client } = await connected();
      await client.callTool({ name: "refuses" });
      await client.callTool({ name: "throws" });
      await client.callTool({ name: "missing" }).catch(() => {});
      await client.callTool({ name: "read", arguments: { path: 7 } }).catch(() => {});
      await client.readResource({ uri: "jobs://nowhere" }).catch(() => {});
      const events = await recorded(audit);
      assert.deepEqual(
        events.map(({ target, outcome }) => [target.id, outcome]),
        [
          ["jobs/refuses", "failure"],
          ["jobs/throws", "failure"],
          ["jobs/missing", "failure"],
          ["jobs/read", "failure"],
          ["jobs://nowhere", "failure"],
        ],
      );
      assert.deepEqual(
        events.slice(0, 2).map(({ reason }) => reason),
        ["no such job", "the database is down"],
      );
      assert.match(events[2].reason, /not found/);
    });

    test("a policy records, hashes, or redacts arguments and results", async () => {
      const { audit, client } = await connected({
        options: {
          results: "record",
          maxBytes: 200,
          tools: { read: { arguments: { path: "hash" }, result: "redact" }, delete: { arguments: "redact" } },
        },
      });
      await client.callTool({ name: "read", arguments: { path: "/tmp/a" } });
      await client.callTool({ name: "delete", arguments: { id: "42" } });
      await client.callTool({ name: "login", arguments: { user: "grace", password: "hunter2" } });
      await client.callTool({ name: "login", arguments: { user: "x".repeat(300), password: "hunter2" } });
      const calls = (await recorded(audit)).filter(({ action }) => action === "tool.call");
      const [read, removed, login, large] = calls.map(({ metadata }) => metadata.tool);
      assert.deepEqual(read.arguments, { path: { sha256: await sha256("/tmp/a"), bytes: 8 } });
      assert.equal(read.result, "[redacted]");
      assert.equal(removed.arguments, "[redacted]");
      assert.deepEqual(removed.result, { content: [{ type: "text", text: "deleted" }] });
      assert.deepEqual(login.arguments, { user: "grace", password: "[redacted]" });
      assert.equal(large.arguments, undefined);
      assert.equal(large.arguments_bytes, 300 + '{"password":"hunter2","user":""}'.length);
      assert.match(large.arguments_sha256, /^[\da-f]{64}$/);
      assert.doesNotMatch(audit.exported(), /hunter2/);
    });

    test("a gate refuses calls, and the refusal is recorded", async () => {
      const { audit, client } = await connected({ options: { gate: guard() } });
      const refused = await client.callTool({ name: "read", arguments: { path: "/etc/passwd" } });
      assert.deepEqual(refused, {
        content: [{ type: "text", text: "This call was refused by policy." }],
        isError: true,
      });
      const allowed = await client.callTool({ name: "read", arguments: { path: "/tmp/a" } });
      assert.equal(allowed.isError, undefined);
      const [denied, passed] = await recorded(audit);
      assert.deepEqual([denied.outcome, denied.reason], ["denied", "refused by The rule etc"]);
      assert.deepEqual([denied.countersign.decision, denied.countersign.rule], ["deny", "etc"]);
      assert.equal(denied.metadata.tool.decision, "deny");
      assert.deepEqual([passed.outcome, passed.metadata.tool.decision], ["success", "allow"]);
    });

    test("rules about a person apply to the person's agents, and to resources and prompts", async () => {
      const { audit, client } = await connected({ options: { gate: guard(), onBehalfOf: () => "u_bad" } });
      assert.equal((await client.callTool({ name: "read", arguments: { path: "/tmp/a" } })).isError, true);
      await assert.rejects(client.readResource({ uri: "jobs://42" }), /refused by policy/);
      await assert.rejects(client.getPrompt({ name: "greet", arguments: { name: "Grace" } }), /refused by policy/);
      const events = await recorded(audit);
      assert.deepEqual(
        events.map(({ action, outcome }) => [action, outcome]),
        [
          ["tool.call", "denied"],
          ["resource.read", "denied"],
          ["prompt.get", "denied"],
        ],
      );
    });

    test("a challenge asks the person at the client", async () => {
      const questions = [];
      const answers = [{ action: "accept", content: {} }, { action: "decline" }];
      const elicit = ({ params }) => {
        questions.push(params.message);
        return answers.shift();
      };
      const { audit, client } = await connected({ options: { gate: guard() }, elicit, auth: AUTH });
      const allowed = await client.callTool({ name: "delete", arguments: { id: "42" } });
      const declined = await client.callTool({ name: "delete", arguments: { id: "43" } });
      assert.deepEqual([allowed.isError, declined.isError], [undefined, true]);
      assert.match(declined.content[0].text, /declined/);
      assert.deepEqual(questions, [
        'Allow "claude-code" to use "delete" with\n{\n  "id": "42"\n}\n?',
        'Allow "claude-code" to use "delete" with\n{\n  "id": "43"\n}\n?',
      ]);
      const [deleted, call, refused, ...others] = await recorded(audit);
      assert.deepEqual([deleted.action, others.length], ["job.delete", 0]);
      assert.deepEqual([call.outcome, call.metadata.tool.decision], ["success", "challenge"]);
      assert.equal(call.metadata.tool.approved_by, "u_1");
      assert.deepEqual(
        [refused.outcome, refused.reason],
        ["denied", "refused by The rule delete: the person declined"],
      );
    });

    test("a challenge asks the callback if the client can't ask, and is refused without one", async () => {
      const asked = [];
      const approve = ({ target, arguments: input }) => {
        asked.push([target.name, input]);
        return input.id === "42" && { approvedBy: "u_9" };
      };
      const { audit, client } = await connected({ options: { gate: guard(), approve } });
      await client.callTool({ name: "delete", arguments: { id: "42" } });
      await client.callTool({ name: "delete", arguments: { id: "43" } });
      assert.deepEqual(asked, [
        ["delete", { id: "42" }],
        ["delete", { id: "43" }],
      ]);
      const [, call, refused] = await recorded(audit);
      assert.deepEqual([call.outcome, call.metadata.tool.approved_by], ["success", "u_9"]);
      assert.equal(refused.outcome, "denied");

      const errors = [];
      const lone = await connected({ options: { gate: guard(), onError: (error) => errors.push(error) } });
      assert.equal((await lone.client.callTool({ name: "delete", arguments: { id: "42" } })).isError, true);
      const late = { gate: guard(), approve: () => new Promise(() => {}), approvalTimeoutMs: 10 };
      const slow = await connected({ options: { ...late, onError: (error) => errors.push(error) } });
      assert.equal((await slow.client.callTool({ name: "delete", arguments: { id: "42" } })).isError, true);
      assert.deepEqual(
        errors.map(({ message }) => message),
        ["no person answered in time"],
      );
      for (const { audit } of [lone, slow]) {
        const [event] = await recorded(audit);
        assert.equal(event.reason, "refused by The rule delete: no approval");
      }
    });

    test("a client can't keep its calls from being recorded by what it says about itself", async () => {
      for (const text of ["x".repeat(300_000), "\ud800"]) {
        const { audit, client } = await connected({ info: { name: text, version: text } });
        await client.callTool({ name: "delete", arguments: { id: "42" } });
        const events = await recorded(audit);
        assert.deepEqual(
          events.map(({ action, actor }) => [action, actor.id.slice(0, 1), actor.id.length <= 512]),
          [
            ["job.delete", text === "\ud800" ? "\ufffd" : "x", true],
            ["tool.call", text === "\ud800" ? "\ufffd" : "x", true],
          ],
        );
      }
    });

    test("concurrent calls are recorded with their own actor and arguments", async () => {
      const base = await createTestRecorder();
      const clients = await Promise.all(
        ["u_1", "u_2"].map((sub) =>
          connected({ audit: base, auth: { clientId: `bot-${sub}`, scopes: [], extra: { sub } } }),
        ),
      );
      const calls = Array.from({ length: 20 }, (_, nth) =>
        clients[nth % 2].client.callTool({ name: "delete", arguments: { id: `${nth}` } }),
      );
      await Promise.all(calls);
      const events = await recorded(base);
      assert.equal(events.length, 40);
      for (const { action, actor, on_behalf_of, target, metadata } of events) {
        const id = Number(action === "job.delete" ? target.id : metadata.tool.arguments.id);
        const person = `u_${(id % 2) + 1}`;
        assert.deepEqual([actor.id, on_behalf_of.id], [`bot-${person}`, person]);
      }
    });

    test("calls of a client that disconnects are recorded", { timeout: 30_000 }, async () => {
      const { audit, client } = await connected();
      const calls = ["waits", "hangs"].map((name) => client.callTool({ name }).catch(() => {}));
      await client.ping();
      await client.close();
      await Promise.all(calls);
      while (audit.events().length < 2) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const [waited, hung] = await recorded(audit);
      assert.deepEqual([waited.target.name, waited.outcome], ["waits", "success"]);
      assert.deepEqual([hung.target.name, hung.outcome], ["hangs", undefined]);
      assert.equal(hung.reason, "the caller canceled the call");
    });

    test("a call whose client disconnects before a person approves it doesn't run", { timeout: 30_000 }, async () => {
      let approve;
      const asked = new Promise((resolve) => {
        approve = () => {
          resolve();
          return new Promise(() => {});
        };
      });
      const { audit, client } = await connected({ options: { gate: guard(), approve, onError: () => {} } });
      const call = client.callTool({ name: "delete", arguments: { id: "42" } }).catch(() => {});
      await asked;
      await client.close();
      await call;
      while (audit.events().length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const [event, ...others] = await recorded(audit);
      assert.deepEqual(others, []);
      assert.deepEqual([event.outcome, event.reason], ["denied", "refused by The rule delete: no approval"]);
    });

    test("a recorder that fails doesn't fail the call, unless `required` is set", async () => {
      const errors = [];
      const broken = Object.assign(await createTestRecorder(), {
        record: () => {
          throw new Error("no space");
        },
      });
      const { client } = await connected({ audit: broken, options: { onError: (error) => errors.push(error.code) } });
      assert.equal((await client.callTool({ name: "read", arguments: { path: "/tmp/a" } })).isError, undefined);
      assert.deepEqual(errors, ["recorder.failed"]);
      const strict = await connected({ audit: broken, options: { required: true, onError: () => {} } });
      const result = await strict.client
        .callTool({ name: "read", arguments: { path: "/tmp/a" } })
        .catch((error) => ({ isError: true, message: error.message }));
      assert.equal(result.isError, true);
      assert.doesNotMatch(JSON.stringify(result), /contents of/);
    });

    test("a callback that throws is reported; a gate that fails closed then refuses", async () => {
      const errors = [];
      const options = {
        onBehalfOf: () => {
          throw new Error("no session");
        },
        onError: (error) => errors.push(error.message),
      };
      const { audit, client } = await connected({ options });
      assert.equal((await client.callTool({ name: "read", arguments: { path: "/tmp/a" } })).isError, undefined);
      assert.deepEqual(errors, ["the callback `onBehalfOf` threw: Error: no session"]);
      const [event] = await recorded(audit);
      assert.deepEqual([event.outcome, event.on_behalf_of], ["success", undefined]);
      const gated = await connected({ options: { ...options, gate: guard() } });
      assert.equal((await gated.client.callTool({ name: "read", arguments: { path: "/tmp/a" } })).isError, true);
      const [refused] = await recorded(gated.audit);
      assert.equal(refused.outcome, "denied");
    });

    test("a client's calls are recorded, and refused ones aren't sent", async () => {
      const far = await createTestRecorder();
      const { client } = await connected({ audit: far });
      const audit = await createTestRecorder();
      const options = { agent: { id: "support-bot", session: "s_1" }, onBehalfOf: { id: "u_1" }, gate: guard() };
      auditMcpClient(asyncContext(audit), client, options);
      await client.callTool({ name: "read", arguments: { path: "/tmp/a" } });
      const refused = await client.callTool({ name: "read", arguments: { path: "/etc/passwd" } });
      assert.equal(refused.isError, true);
      await client.readResource({ uri: "jobs://42" });
      const events = await recorded(audit);
      assert.deepEqual(
        events.map(({ target, outcome }) => [target.id, outcome]),
        [
          ["jobs/read", "success"],
          ["jobs/read", "denied"],
          ["jobs://42", "success"],
        ],
      );
      assert.deepEqual(events[0].actor, { id: "support-bot", session: "s_1", type: "agent" });
      assert.deepEqual(events[0].on_behalf_of, { id: "u_1", type: "user" });
      assert.equal(far.events().length, 2);
    });

    test("mistakes are explained", async () => {
      const audit = await createTestRecorder();
      assert.throws(() => auditMcp(audit, {}), /`server` must be an MCP server/);
      const server = new Server({ name: "jobs", version: "2.0.0" });
      assert.throws(() => auditMcp(audit, server, { result: "record" }), /the option "result" is unknown/);
      assert.throws(() => auditMcp(audit, server, { results: "keep" }), /`results` is not a policy/);
      assert.throws(() => auditMcp(server, server), /`audit` must be a recorder/);
      auditMcp(audit, server);
      assert.throws(() => auditMcp(audit, server), /audited twice/);
      assert.throws(() => auditMcpClient(audit, {}), /`client` must be an MCP client/);
    });
  });
}

test("HTTP with sessions: the session is recorded, and the person is asked in the response's stream", async () => {
  const audit = await createTestRecorder();
  const server = furnish(auditMcp(audit, new OldServer({ name: "jobs", version: "2.0.0" }), { gate: guard() }), audit);
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => "session-1" });
  await server.connect(transport);
  const listener = createServer((request, response) => {
    request.auth = AUTH;
    transport.handleRequest(request, response);
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  try {
    const client = new OldClient({ name: "claude-code", version: "1.2.3" }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: {} }));
    const url = new URL(`http://127.0.0.1:${listener.address().port}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url));
    const result = await client.callTool({ name: "delete", arguments: { id: "42" } });
    assert.deepEqual(result.content, [{ type: "text", text: "deleted" }]);
    await client.close();
    await server.close();
  } finally {
    listener.close();
    listener.closeAllConnections();
  }
  const [deleted, call] = await recorded(audit);
  const actor = { id: "support-bot", name: "claude-code", session: "session-1", type: "agent" };
  assert.deepEqual([deleted.actor, call.actor], [actor, actor]);
  assert.deepEqual([call.outcome, call.metadata.tool.approved_by], ["success", "u_1"]);
});

describe("HTTP without sessions", () => {
  /** Connects a client over HTTP, in this process. */
  async function connected(options, elicit) {
    const audit = await createTestRecorder();
    const handler = v2server.createMcpHandler(() =>
      furnish(auditMcp(audit, new v2server.McpServer({ name: "jobs", version: "2.0.0" }), options), audit),
    );
    const transport = new v2client.StreamableHTTPClientTransport(new URL("http://mcp.test/mcp"), {
      fetch: (url, init) => handler.fetch(new Request(url, init), { authInfo: AUTH }),
    });
    const client = new v2client.Client(
      { name: "claude-code", version: "1.2.3" },
      { capabilities: elicit ? { elicitation: {} } : {}, versionNegotiation: { mode: { pin: "2026-07-28" } } },
    );
    if (elicit) {
      client.setRequestHandler("elicitation/create", elicit);
    }
    await client.connect(transport);
    open.push(client, handler);
    return { audit, client };
  }

  test("each request names its client and its person", async () => {
    const { audit, client } = await connected();
    await client.callTool({ name: "read", arguments: { path: "/tmp/a" } });
    const [{ actor, on_behalf_of, metadata }] = await recorded(audit);
    assert.deepEqual(actor, { id: "support-bot", name: "claude-code", type: "agent" });
    assert.equal(on_behalf_of.id, "u_1");
    assert.deepEqual(metadata.agent, { framework: "mcp", version: "1.2.3" });
  });

  test("a challenge asks in the result, and the repeated request runs", async () => {
    const { audit, client } = await connected({ gate: guard() }, () => ({ action: "accept", content: {} }));
    const result = await client.callTool({ name: "delete", arguments: { id: "42" } });
    assert.deepEqual(result.content, [{ type: "text", text: "deleted" }]);
    const [asked, deleted, call] = await recorded(audit);
    assert.deepEqual([asked.outcome, asked.reason], ["denied", "refused by The rule delete: approval requested"]);
    assert.equal(deleted.action, "job.delete");
    assert.deepEqual([call.outcome, call.metadata.tool.approved_by], ["success", "u_1"]);
  });

  /** Calls the tool `delete` without a client, so that no name is stated. */
  async function called(options, authInfo) {
    const audit = await createTestRecorder();
    const handler = v2server.createMcpHandler(() =>
      furnish(auditMcp(audit, new v2server.McpServer({ name: "jobs", version: "2.0.0" }), options), audit),
    );
    open.push(handler);
    const request = new Request("http://mcp.test/mcp", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "delete", arguments: { id: "42" } },
      }),
    });
    const response = await handler.fetch(request, { authInfo });
    return { text: await response.text(), events: await recorded(audit) };
  }

  test("a caller without a token and a name is an unknown agent, also in the tool's own events", async () => {
    const { text, events } = await called();
    assert.match(text, /deleted/);
    assert.deepEqual(
      events.map(({ action, actor }) => [action, actor]),
      ["job.delete", "tool.call"].map((action) => [action, { type: "agent", id: "unknown" }]),
    );
  });

  test("a gate's rules about agents apply to a caller without a token and a name", async () => {
    const { text, events } = await called({ gate: guard([rule("agents", "deny", { "actor.type": "agent" })]) });
    assert.doesNotMatch(text, /deleted/);
    assert.deepEqual(
      events.map(({ action, actor, outcome }) => [action, actor, outcome]),
      [["tool.call", { type: "agent", id: "unknown" }, "denied"]],
    );
  });

  test("a token without a client states the person, who is not the agent", async () => {
    const { events } = await called({}, { ...AUTH, clientId: "", extra: { sub: "u_1" } });
    assert.deepEqual(
      events.map(({ actor, on_behalf_of }) => [actor, on_behalf_of]),
      [0, 1].map(() => [
        { type: "agent", id: "unknown" },
        { type: "user", id: "u_1" },
      ]),
    );
  });

  test("a callback that fails to name the agent leaves it unknown", async () => {
    const agent = () => {
      throw new Error("no session");
    };
    const { events } = await called({ agent, onError: () => {} });
    assert.deepEqual(
      events.map(({ actor }) => actor),
      [0, 1].map(() => ({ type: "agent", id: "unknown" })),
    );
  });

  test("a tool without an agent has the agent and the person of the call that it runs in", async () => {
    const audit = await createTestRecorder();
    const server = auditMcp(audit, new v2server.McpServer({ name: "jobs", version: "2.0.0" }));
    const inner = auditTool(audit, { name: "inner", execute: async () => "done" });
    server.registerTool("outer", {}, async () => ({ content: [{ type: "text", text: await inner.execute({}) }] }));
    const client = new v2client.Client({ name: "claude-code", version: "1.2.3" });
    const [near, far] = v2server.InMemoryTransport.createLinkedPair();
    const send = near.send.bind(near);
    near.send = (message, options) => send(message, { ...options, authInfo: AUTH });
    await Promise.all([server.connect(far), client.connect(near)]);
    open.push(client);
    await client.callTool({ name: "outer" });
    const events = await recorded(audit);
    assert.deepEqual(
      events.map(({ target, actor, on_behalf_of }) => [target.name, actor.type, actor.id, on_behalf_of.id]),
      [
        ["inner", "agent", "support-bot", "u_1"],
        ["outer", "agent", "support-bot", "u_1"],
      ],
    );
  });
});

test("a tool without an agent acts for the actor of the request that it runs in", async () => {
  const audit = await createTestRecorder();
  const inner = auditTool(audit, { name: "inner", execute: async () => "done" });
  const handle = auditFetch(audit, async () => new Response(await inner.execute({})), {
    actor: () => ({ id: "u_1", name: "Grace" }),
    only: () => false,
  });
  assert.equal(await (await handle(new Request("http://app.test/"))).text(), "done");
  const [{ actor, on_behalf_of }] = await recorded(audit);
  assert.deepEqual(actor, { type: "agent", id: "unknown" });
  assert.deepEqual(on_behalf_of, { type: "user", id: "u_1", name: "Grace" });
});
