/** Tests that every call of a tool passes the gate of an MCP server or client, whichever method sends or handles it. */

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as v2client from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport as OldTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { Server as OldProtocol } from "@modelcontextprotocol/sdk/server/index.js";
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import * as types from "@modelcontextprotocol/sdk/types.js";
import * as v2server from "@modelcontextprotocol/server";
import { auditMcp, auditMcpClient } from "countersign/mcp";
import { createTestRecorder } from "countersign/testing";
import * as z from "zod";

import { guard, recorded, rule } from "./gates.mjs";

/** The package's lists of methods, which aren't exported. */
const { GATED, NOTIFICATIONS, PASSED } = await import(
  new URL("./agents/mcp/methods.js", import.meta.resolve("countersign"))
);

const GENERATIONS = {
  "@modelcontextprotocol/sdk": {
    McpServer: OldServer,
    Server: OldProtocol,
    Client: OldClient,
    Transport: OldTransport,
  },
  "@modelcontextprotocol/server": {
    McpServer: v2server.McpServer,
    Server: v2server.Server,
    Client: v2client.Client,
    Transport: v2server.InMemoryTransport,
  },
};

const RULES = [rule("delete", "deny", { "target.name": "delete" })];
const CALL = { name: "delete", arguments: { id: "42" } };
const REFUSED = "This call was refused by policy.";

const open = [];
after(() => Promise.all(open.map((one) => one.close())));

/** Methods of the SDKs' classes and what they have to do with calls. A new one must be classified here. */
const METHODS = {
  /** Send requests, so a client's gate must see them. */
  sending: [
    "callTool",
    "callToolStream",
    "cancelTask",
    "complete",
    "connect",
    "createMessage",
    "createMessageStream",
    "discover",
    "elicitInput",
    "elicitInputStream",
    "getPrompt",
    "getTask",
    "getTaskResult",
    "listPrompts",
    "listResourceTemplates",
    "listResources",
    "listRoots",
    "listTasks",
    "listTools",
    "listen",
    "ping",
    "readResource",
    "request",
    "requestStream",
    "setLoggingLevel",
    "subscribeResource",
    "unsubscribeResource",
  ],
  /** Register handlers, which get only what a server's gate lets pass. */
  handling: [
    "assertCanSetRequestHandler",
    "prompt",
    "registerPrompt",
    "registerResource",
    "registerTool",
    "registerToolTask",
    "removeRequestHandler",
    "resource",
    "setRequestHandler",
    "tool",
  ],
  /** Parts of what the classes above do with a request that the gate let pass. */
  internal: [
    "autoOpenedSubscription",
    "cacheToolMetadata",
    "createToolError",
    "executeToolHandler",
    "getToolOutputValidator",
    "handleAutomaticTaskPolling",
    "handlePromptCompletion",
    "handleResourceCompletion",
    "isToolTask",
    "isToolTaskRequired",
    "projectCallToolResult",
    "requestTaskStore",
    "resolveScopeChallenge",
    "setCompletionRequestHandler",
    "setPromptRequestHandlers",
    "setResourceRequestHandlers",
    "setToolRequestHandlers",
    "toolInputSchemaJson",
  ],
  /** Neither send a request nor handle one. */
  others: [
    "isMessageIgnored",
    "setVersionNegotiation",
    "assertCapability",
    "assertCapabilityForMethod",
    "assertNotificationCapability",
    "assertRequestHandlerCapability",
    "assertTaskCapability",
    "assertTaskHandlerCapability",
    "buildContext",
    "close",
    "createElicitationCompletionNotifier",
    "experimental",
    "getClientCapabilities",
    "getClientVersion",
    "getCapabilities",
    "getDiscoverResult",
    "getInstructions",
    "getNegotiatedProtocolVersion",
    "getProtocolEra",
    "getServerCapabilities",
    "getServerVersion",
    "handleToolListChanged",
    "isConnected",
    "notification",
    "projectLegacyTask",
    "registerCapabilities",
    "removeNotificationHandler",
    "sendLoggingMessage",
    "sendPromptListChanged",
    "sendResourceListChanged",
    "sendResourceUpdated",
    "sendRootsListChanged",
    "sendToolListChanged",
    "setNotificationHandler",
    "tasks",
    "transport",
    "validateToolInput",
    "validateToolOutput",
  ],
};

/** Returns the names of an object's public methods and accessors, also inherited ones. */
function methodsOf(object) {
  const names = new Set();
  for (let at = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function" || get !== undefined) {
        names.add(name);
      }
    }
  }
  return [...names].filter((name) => !/^_|^constructor$/.test(name));
}

describe("the lists of methods are complete", () => {
  const known = Object.values(METHODS).flat();

  for (const [name, { McpServer, Server, Client }] of Object.entries(GENERATIONS)) {
    test(`${name}: classes`, () => {
      const info = { name: "x", version: "1" };
      const [server, protocol, client] = [new McpServer(info), new Server(info), new Client(info)];
      const objects = [server, protocol, client];
      for (const { experimental } of objects) {
        objects.push(...(experimental ? [experimental.tasks] : []));
      }
      const unknown = objects.flatMap(methodsOf).filter((method) => !known.includes(method));
      assert.deepEqual([...new Set(unknown)].sort(), []);
    });
  }

  test("requests of the protocol", () => {
    const methods = (union) => union.options.map(({ shape }) => shape.method.value ?? [...shape.method.values][0]);
    const unknown = methods(types.ClientRequestSchema).filter((method) => ![...GATED, ...PASSED].includes(method));
    assert.deepEqual(unknown, []);
  });

  test("notifications of the protocol", () => {
    const methods = types.ClientNotificationSchema.options.map(({ shape }) => shape.method.value);
    assert.deepEqual(methods.sort(), NOTIFICATIONS);
  });

  test("requests of the protocol in the second generation", () => {
    const folder = dirname(fileURLToPath(import.meta.resolve("@modelcontextprotocol/server")));
    const code = globSync("src-*.mjs", { cwd: folder }).map((file) => readFileSync(join(folder, file), "utf8"));
    const lists = [...code.join("\n").matchAll(/^const requestMethodKeys\S* = \{(.*?)^\}/gms)];
    const methods = lists.flatMap(([, list]) => [...list.matchAll(/"(.+?)":/g)].map(([, method]) => method));
    assert.ok(lists.length > 1 && methods.includes("tools/call"), "the SDK lists its methods elsewhere now");
    // Servers send these to clients.
    const known = [...GATED, ...PASSED, "elicitation/create", "roots/list", "sampling/createMessage"];
    assert.deepEqual(
      [...new Set(methods)].filter((method) => !known.includes(method)),
      [],
    );
  });
});

for (const [name, { McpServer, Server, Client, Transport }] of Object.entries(GENERATIONS)) {
  describe(name, () => {
    /** Connects a client to a server, with a gate on one side. */
    async function connected({ at, server: made, options = {}, fail, prepare = () => {} }) {
      const audit = await createTestRecorder();
      const ran = [];
      const gate = guard(RULES, fail);
      const server = made ?? new McpServer({ name: "jobs", version: "1.0.0" });
      const client = new Client({ name: "bot", version: "1.0.0" });
      if (at === "server") {
        auditMcp(audit, server, { gate, onError: () => {}, ...options });
      } else {
        auditMcpClient(audit, client, { gate, onError: () => {}, ...options });
      }
      if (made === undefined) {
        server.registerTool("delete", { inputSchema: z.object({ id: z.any() }) }, async (input) => {
          ran.push(input);
          return { content: [{ type: "text", text: "deleted" }] };
        });
        server.registerTool("other", { inputSchema: z.object({ id: z.any() }) }, async (input) => {
          ran.push(input);
          return { content: [{ type: "text", text: "done" }] };
        });
      }
      const [near, far] = Transport.createLinkedPair();
      prepare({ near, far, server, client, ran });
      await server.connect(far);
      await client.connect(near);
      open.push(client);
      return { audit, client, server, near, far, ran };
    }

    /** Ways to call a tool, each of which returns the texts that the caller sees. */
    const WAYS = {
      callTool: async ({ client }) => (await client.callTool(CALL)).content[0].text,
      request: async ({ client }) => {
        const schema = z.object({ content: z.array(z.object({ text: z.string() })) });
        return (await client.request({ method: "tools/call", params: CALL }, schema)).content[0].text;
      },
      ...(name.endsWith("sdk")
        ? {
            callToolStream: async ({ client }) => {
              for await (const { type, result } of client.experimental.tasks.callToolStream(CALL)) {
                assert.equal(type, "result");
                return result.content[0].text;
              }
            },
            requestStream: async ({ client }) => {
              const request = { method: "tools/call", params: CALL };
              const stream = client.experimental.tasks.requestStream(request, types.CallToolResultSchema);
              for await (const { result } of stream) {
                return result.content[0].text;
              }
            },
          }
        : {}),
      "a message of the program's own": async ({ near }) => {
        const answer = new Promise((resolve) => {
          const { onmessage } = near;
          near.onmessage = (message, extra) => (message.id === "own" ? resolve(message) : onmessage(message, extra));
        });
        await near.send({ jsonrpc: "2.0", id: "own", method: "tools/call", params: CALL });
        return (await answer).result.content[0].text;
      },
    };

    for (const at of ["server", "client"]) {
      for (const [way, call] of Object.entries(WAYS)) {
        test(`a gate at the ${at} refuses ${way}`, async () => {
          for (const fail of ["open", "closed"]) {
            const connection = await connected({ at, fail });
            assert.equal(await call(connection), REFUSED);
            assert.deepEqual(connection.ran, []);
            const [event, ...others] = await recorded(connection.audit);
            assert.deepEqual([event.action, event.outcome, others.length], ["tool.call", "denied", 0]);
            assert.deepEqual(event.metadata.tool.arguments, CALL.arguments);
          }
        });
      }

      test(`a gate at the ${at} refuses notifications of calls`, async () => {
        const connection = await connected({ at });
        connection.server.fallbackNotificationHandler = async () => connection.ran.push("notified");
        await connection.near.send({ jsonrpc: "2.0", method: "tools/call", params: CALL });
        while (connection.audit.events().length === 0) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        assert.deepEqual(connection.ran, []);
        const [event] = await recorded(connection.audit);
        assert.equal(event.outcome, "denied");
      });

      test(`a gate at the ${at} judges what is sent, not what it becomes`, async () => {
        const input = { id: "1" };
        const own = guard([rule("bad", "deny", { "metadata.tool.arguments.id": "bad" })]);
        const decide = async (...args) => {
          const decision = await own.decide(...args);
          input.id = "bad";
          return decision;
        };
        const connection = await connected({ at, options: { gate: { ...own, decide } } });
        await connection.client.callTool({ name: "other", arguments: input });
        const [event] = await recorded(connection.audit);
        assert.deepEqual([event.metadata.tool.arguments, connection.ran], [{ id: "1" }, [{ id: "1" }]]);
      });

      test(`a gate at the ${at} rejects malformed calls in both modes`, async () => {
        const nested = JSON.parse(`${'{"a":'.repeat(63)}1${"}".repeat(63)}`);
        for (const fail of ["open", "closed"]) {
          const connection = await connected({ at, fail });
          for (const id of ["x".repeat(300_000), nested, "\ud800", { "\ud800": 1 }, 2 ** 60]) {
            const { content, isError } = await connection.client.callTool({ name: "other", arguments: { id } });
            assert.deepEqual([isError, /rejected/.test(content[0].text)], [true, true]);
          }
          assert.deepEqual(connection.ran, []);
          const events = await recorded(connection.audit);
          assert.deepEqual(
            events.map(({ outcome, countersign }) => [outcome, countersign.rule]),
            events.map(() => ["denied", "event.invalid"]),
          );
        }
      });

      test(`a gate at the ${at} rejects notifications that MCP doesn't define, and requests that look like one`, async () => {
        const send = async (options) => {
          const errors = [];
          const connection = await connected({ at, options: { onError: (error) => errors.push(error), ...options } });
          const { ran, near, server } = connection;
          server.server.fallbackNotificationHandler = async ({ method }) => ran.push(`notified ${method}`);
          server.server.fallbackRequestHandler = async ({ method }) => ran.push(method);
          await near.send({ jsonrpc: "2.0", method: "notifications/jobs/delete" });
          await near.send({ jsonrpc: "2.0", id: "own 1", method: "notifications/jobs/delete" });
          await near.send({ jsonrpc: "2.0", id: "own 2", method: "notifications/roots/list_changed" });
          await near.send({ jsonrpc: "2.0", method: "tools/list" });
          await near.send({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
          await new Promise((resolve) => setTimeout(resolve, 20));
          return { ran: ran.sort(), errors: errors.map(({ member }) => member) };
        };
        const known = "notified notifications/roots/list_changed";
        assert.deepEqual(await send({}), { ran: [known], errors: Array(4).fill("ungated") });
        const own = "notifications/jobs/delete";
        assert.deepEqual((await send({ ungated: [own] })).ran, [own, `notified ${own}`, known].sort());
      });

      test(`a gate at the ${at} rejects methods that MCP doesn't define, unless they are named`, async () => {
        const send = async (options) => {
          const errors = [];
          const onError = (error) => errors.push(error);
          const connection = await connected({ at, options: { onError, ...options } });
          const protocol = connection.server.server;
          protocol.fallbackRequestHandler = async ({ method }) => {
            connection.ran.push(method);
            return {};
          };
          await connection.client.request({ method: "jobs/run", params: {} }, z.object({})).catch(() => {});
          return { ran: connection.ran, errors };
        };
        const { ran, errors } = await send({});
        assert.deepEqual([ran, errors.length, errors[0].member], [[], 1, "ungated"]);
        assert.deepEqual((await send({ ungated: ["jobs/run"] })).ran, ["jobs/run"]);
        assert.deepEqual((await send({ gate: undefined })).ran, ["jobs/run"]);
      });
    }

    /** Ways to handle calls. */
    const HANDLERS = {
      "fallbackRequestHandler, set later": (server, handle) => {
        server.fallbackRequestHandler = handle;
      },
      "a handler that the transport gets directly": (_server, handle, { far }) => {
        const { onmessage } = far;
        far.onmessage = (message, extra) => {
          if (message.method === "tools/call") {
            handle(message);
          } else {
            onmessage?.(message, extra);
          }
        };
      },
    };

    for (const [way, handle] of Object.entries(HANDLERS)) {
      test(`a gate at the server guards ${way}`, async () => {
        const server = new Server({ name: "proxy", version: "1.0.0" }, { capabilities: { tools: {} } });
        const connection = await connected({ at: "server", server });
        const ran = [];
        const run = async ({ params }) => {
          ran.push(params);
          return { content: [{ type: "text", text: "deleted by the proxy" }] };
        };
        handle(server, run, connection);
        const result = await connection.client.callTool(CALL);
        assert.deepEqual([result.content[0].text, ran], [REFUSED, []]);
        connection.client.callTool({ name: "other", arguments: {} }).catch(() => {});
        while (ran.length === 0) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        assert.equal(ran[0].name, "other");
      });
    }

    test("a gate judges the one form of a resource's URI", async () => {
      const secret = ["vault://keys/a", "file:///caf\u00e9/", "https://vault.example/"];
      const rules = [rule("secret", "deny", { "target.id|startswith": secret })];
      for (const fail of ["open", "closed"]) {
        const prepare = ({ server }) => {
          for (const [name, uri, text] of [
            ["key", "vault://keys/a", "the secret"],
            ["job", "vault://keys/job", "job"],
            ["jobs", "vault://jobs", "jobs"],
            ["root", "https://vault.example/", "the secret"],
          ]) {
            server.registerResource(name, uri, {}, async () => ({ contents: [{ uri, text }] }));
          }
        };
        const connection = await connected({ at: "server", options: { gate: guard(rules, fail) }, prepare });
        const read = async (uri) => {
          const reading = connection.client.readResource({ uri });
          return reading.then(
            ({ contents }) => contents[0].text,
            (error) => error.message,
          );
        };
        for (const uri of [
          "vault://keys/a",
          "vault://keys/x/../a",
          "vault://keys/./a",
          "vault://keys/%2e/a",
          "VAULT://keys/a",
          " vault://keys/a",
          "vault://keys/\ta",
          "vault://keys/%61",
          "vault://keys/x%2f..%2fa",
          "vault://keys/%2561",
          "file:///caf%C3%A9/x",
          "file:///caf\u00e9/x",
          "file:///x/../caf\u00e9/x",
          "file:///%63af%C3%A9/x",
          "file://localhost/x",
          "https://vault.example/",
          "https://vault.example",
          "https://vault.example?x",
          "https://vault.example#x",
        ]) {
          assert.match(await read(uri), /refused by policy|rejected/, uri);
        }
        assert.equal(await read("vault://keys/job"), "job");
        assert.equal(await read("vault://jobs"), "jobs");
      }
    });

    test("a gate judges a URI without its query and fragment, and those apart", async () => {
      const rules = [
        rule("alice", "deny", { "target.id|startswith": "mail://inbox/alice@corp" }),
        rule("hostname", "deny", { "target.id": "file:///etc/hostname" }),
        rule("secret", "deny", { "metadata.tool.arguments.query|contains": "q=secret" }),
      ];
      const audit = await createTestRecorder();
      const read = [];
      const server = new Server({ name: "files", version: "1" }, { capabilities: { resources: {} } });
      server.fallbackRequestHandler = async ({ params: { uri } }) => {
        read.push(uri);
        return { contents: [] };
      };
      const client = new Client({ name: "bot", version: "1" });
      auditMcp(audit, server, { gate: guard(rules), onError: () => {} });
      const [near, far] = Transport.createLinkedPair();
      await Promise.all([server.connect(far), client.connect(near)]);
      open.push(client);
      const attempt = (uri) => client.readResource({ uri }).catch(({ message }) => message);
      for (const uri of [
        "mail://inbox/alice@corp",
        "mail://inbox/alice%40corp",
        "mail://inbox/%61lice%40corp/x",
        "file:///etc/hostname#x",
        "file:///etc/hostname?x",
        "file:///etc/hostname?",
        "docs://find?q=%73ecret",
        "docs://find?a=b&q=secret#x",
      ]) {
        assert.match(String(await attempt(uri)), /refused by policy/, uri);
      }
      for (const uri of [
        "file:///etc/%25%36%38ostname",
        "file:////etc/hostname",
        "file:///x//etc/hostname",
        "file:///etc/hostname%3fx",
        "file:///etc/hostname%23x",
        "file:///etc\\hostname",
        "vault:keys/../a",
        "vault:keys/%2e%2e/a",
        "docs://find?q=%",
        "docs://find?q=sec\tret",
        "docs://find?q=x ",
      ]) {
        assert.match(String(await attempt(uri)), /rejected/, uri);
      }
      assert.deepEqual(read, []);
      const passed = ["mail://inbox/bob@corp", "docs://find?q=a%26b#top", "file:///etc/100%25"];
      for (const uri of passed) {
        await attempt(uri);
      }
      assert.deepEqual(read, passed);
      const events = (await recorded(audit)).slice(-3);
      assert.deepEqual(
        events.map(({ target, metadata }) => [target.id, metadata.tool.arguments]),
        [
          ["mail://inbox/bob@corp", undefined],
          ["docs://find", { uri: "docs://find?q=a%26b#top", query: "q=a&b", fragment: "top" }],
          ["file:///etc/100%", undefined],
        ],
      );
    });

    test("a request whose ID is in use is rejected, because its response could be taken for the other's", async () => {
      const connection = await connected({ at: "server" });
      const answers = [];
      connection.near.onmessage = (message) => answers.push(message);
      const call = { method: "tools/call", params: { name: "other", arguments: { id: "1" } } };
      await connection.near.send({ jsonrpc: "2.0", id: 7, ...call });
      await connection.near.send({ jsonrpc: "2.0", id: 7, method: "ping" });
      while (answers.length < 2) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.deepEqual(answers.map(({ error }) => error?.code).sort(), [-32_600, undefined]);
      const [event, ...others] = await recorded(connection.audit);
      assert.deepEqual([event.outcome, others.length], ["success", 0]);
    });

    test("a call with the ID of an open request of another kind is rejected", async () => {
      const connection = await connected({ at: "server" });
      const finish = [];
      const answers = [];
      const { near, far } = connection;
      const { onmessage } = far;
      // A handler that answers when the test says so.
      far.onmessage = (message, extra) =>
        message.method === "completion/complete"
          ? finish.push(() => far.send({ jsonrpc: "2.0", id: message.id, result: { completion: { values: [] } } }))
          : onmessage(message, extra);
      near.onmessage = (message) => answers.push(message);
      const until = async (count) => {
        while (answers.length < count) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      };
      const call = { method: "tools/call", params: { name: "other", arguments: { id: "1" } } };
      const cancel = { method: "notifications/cancelled", params: { requestId: 7 } };
      await near.send({ jsonrpc: "2.0", ...cancel });
      await near.send({ jsonrpc: "2.0", id: 7, method: "completion/complete", params: {} });
      await near.send({ jsonrpc: "2.0", id: 7, ...call });
      await until(1);
      assert.deepEqual([answers[0].error?.code, connection.ran], [-32_600, []]);
      await near.send({ jsonrpc: "2.0", ...cancel });
      await near.send({ jsonrpc: "2.0", id: 7, ...call });
      await until(2);
      assert.deepEqual([answers[1].error?.code, connection.ran], [-32_600, []]);
      finish[0]();
      await until(3);
      await near.send({ jsonrpc: "2.0", id: 7, ...call });
      await until(4);
      assert.deepEqual([answers[3].result?.content[0].text, connection.ran], ["done", [{ id: "1" }]]);
    });

    test("a message whose method changed after it was sent is judged again", async () => {
      const { near, ran, audit } = await connected({ at: "client" });
      const message = { jsonrpc: "2.0", id: "own", method: "ping" };
      await near.send(message);
      Object.assign(message, { id: "own 2", method: "tools/call", params: CALL });
      await near.send(message);
      const [event] = await recorded(audit);
      assert.deepEqual([event.outcome, ran], ["denied", []]);
    });

    test("a call that is canceled before the decision doesn't run", async () => {
      const gate = {
        ...guard(),
        decide: () => new Promise((resolve) => setTimeout(resolve, 50, { decision: "allow" })),
      };
      const connection = await connected({ at: "server", options: { gate } });
      const abort = new AbortController();
      const call = connection.client.callTool({ name: "other", arguments: { id: 1 } }, ...callOptions(abort.signal));
      setTimeout(() => abort.abort(), 5);
      await assert.rejects(call);
      while (connection.audit.events().length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      assert.deepEqual(connection.ran, []);
    });

    const callOptions = (signal) => (name.endsWith("sdk") ? [undefined, { signal }] : [{ signal }]);

    test("connecting again is guarded, too", async () => {
      const connection = await connected({ at: "server" });
      await connection.client.close();
      await connection.server.close();
      const [near, far] = Transport.createLinkedPair();
      await connection.server.connect(far);
      const client = new Client({ name: "bot", version: "1.0.0" });
      await client.connect(near);
      open.push(client);
      assert.equal((await client.callTool(CALL)).content[0].text, REFUSED);
    });

    test("a client that is connected already is guarded", async () => {
      const server = new McpServer({ name: "jobs", version: "1.0.0" });
      server.registerTool("delete", {}, async () => assert.fail("it ran"));
      const client = new Client({ name: "bot", version: "1.0.0" });
      const [near, far] = Transport.createLinkedPair();
      await Promise.all([server.connect(far), client.connect(near)]);
      open.push(client);
      auditMcpClient(await createTestRecorder(), client, { gate: guard(RULES) });
      assert.equal((await client.callTool(CALL)).content[0].text, REFUSED);
    });
  });
}
