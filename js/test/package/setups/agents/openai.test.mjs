/** Tests of `countersign/openai` with the OpenAI SDK and the OpenAI Agents SDK. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Agent, Runner, setTracingDisabled, tool } from "@openai/agents";
import { auditTool, auditTools } from "countersign/openai";
import { createTestRecorder } from "countersign/testing";
import { zodFunction } from "openai/helpers/zod";
import * as z from "zod";
import { guard, recorded, sha256 } from "./gates.mjs";
import { agentsModel, openAi } from "./models.mjs";

setTracingDisabled(true);
const WHO = { agent: "support-bot", onBehalfOf: "u_1" };

describe("runTools", () => {
  const toolsFor = (audit) => [
    {
      type: "function",
      function: {
        name: "read",
        description: "Reads a file",
        parameters: { type: "object", properties: { path: { type: "string" } } },
        parse: JSON.parse,
        function: async ({ path }) => `contents of ${path}`,
      },
    },
    zodFunction({
      name: "delete",
      parameters: z.object({ id: z.string() }),
      function: ({ id }) => {
        audit.record("job.delete", { target: ["job", id] });
        return "deleted";
      },
    }),
    {
      type: "function",
      function: {
        description: "Fails",
        parameters: { type: "object", properties: {} },
        function: async function throws() {
          throw new Error("the database is down");
        },
      },
    },
  ];

  async function run(inputs, options = {}, stream = false) {
    const audit = await createTestRecorder();
    const { client, sent } = openAi(inputs);
    const runner = client.chat.completions.runTools({
      model: "gpt-5",
      stream,
      messages: [{ role: "user", content: "Go" }],
      tools: auditTools(audit, toolsFor(audit), { ...WHO, ...options }),
    });
    const error = await runner.done().then(
      () => undefined,
      (error) => error,
    );
    const results = sent[1]?.messages.filter(({ role }) => role === "tool").map(({ content }) => content);
    return { audit, results, error, sent };
  }

  for (const stream of [false, true]) {
    test(`calls are recorded${stream ? ", also if the model's answer streams" : ""}`, async () => {
      const inputs = [
        ["read", { path: "/tmp/a" }],
        ["delete", { id: "42" }],
      ];
      const { audit, results, sent, error } = await run(inputs, {}, stream);
      assert.equal(error, undefined);
      assert.deepEqual(results, ["contents of /tmp/a", "deleted"]);
      assert.deepEqual(
        sent[0].tools.map(({ function: { name } }) => name),
        ["read", "delete", "throws"],
      );
      const events = await recorded(audit);
      const read = events.find(({ target }) => target.id === "read");
      assert.deepEqual(read.metadata.tool.arguments, { path: "/tmp/a" });
      assert.equal(read.metadata.tool.result_sha256, await sha256("contents of /tmp/a"));
      assert.deepEqual(read.metadata.agent, { framework: "openai" });
      assert.deepEqual(events.map(({ action, outcome }) => [action, outcome]).sort(), [
        ["job.delete", undefined],
        ["tool.call", "success"],
        ["tool.call", "success"],
      ]);
      for (const { actor, on_behalf_of } of events) {
        assert.deepEqual([actor, on_behalf_of.id], [{ id: "support-bot", type: "agent" }, "u_1"]);
      }
    });
  }

  test("an exception is a failure, and ends the run as without countersign", async () => {
    const { audit, error } = await run([["throws", {}]]);
    assert.match(error.message, /the database is down/);
    const [event] = await recorded(audit);
    assert.deepEqual([event.target.id, event.outcome, event.reason], ["throws", "failure", "the database is down"]);
  });

  test("refused calls don't run, and the model sees the refusal", async () => {
    const inputs = [
      ["read", { path: "/etc/passwd" }],
      ["delete", { id: "42" }],
    ];
    const { audit, results } = await run(inputs, { gate: guard() });
    assert.deepEqual(results, ["This call was refused by policy.", "A person must approve this call."]);
    const events = await recorded(audit);
    assert.deepEqual(events.map(({ target, outcome }) => [target.id, outcome]).sort(), [
      ["delete", "denied"],
      ["read", "denied"],
    ]);
  });
});

test("arguments whose text repeats a name are rejected, because the function may get the text", async () => {
  const audit = await createTestRecorder();
  const ran = [];
  const run = (input) => ran.push(input);
  const tools = auditTools(
    audit,
    [
      { type: "function", function: { name: "run", parameters: {}, function: run } },
      {
        ...tool({ name: "run", description: "", parameters: z.object({}), execute() {} }),
        invoke: (_, input) => run(input),
      },
    ],
    { gate: guard() },
  );
  const calls = [(text) => tools[0].function.function(text), (text) => tools[1].invoke({}, text)];
  for (const call of calls) {
    for (const text of [
      '{"path":"/etc/passwd","path":"/ok"}',
      '{"path":"/etc/passwd","p\\u0061th" : "/ok"}',
      '[{"a":{"b":1,"b\\"":2,"b"\n:3}}]',
    ]) {
      assert.match(await call(text), /rejected/, text);
    }
    assert.deepEqual(ran, []);
    const passed = [
      '{"a":"a","b":[{"a":"\\":"},{"a" : ",\\"a\\":"}],"":{"":":"}}',
      '[":","a",":"]',
      '"a"',
      "{}",
      '{"__proto__":1}',
    ];
    for (const text of passed) {
      await call(text);
    }
    assert.deepEqual(ran.splice(0), passed);
  }
  const [event] = await recorded(audit);
  assert.equal(event.metadata.tool.arguments, '{"path":"/etc/passwd","path":"/ok"}');
});

describe("the Agents SDK", () => {
  const read = {
    name: "read",
    description: "Reads a file",
    parameters: z.object({ path: z.string() }),
    execute: async ({ path }) => `contents of ${path}`,
  };
  const remove = (audit) => ({
    name: "delete",
    description: "Deletes a job",
    parameters: z.object({ id: z.string() }),
    execute: ({ id }) => {
      audit.record("job.delete", { target: ["job", id] });
      return "deleted";
    },
  });
  const throws = {
    name: "throws",
    description: "Fails",
    parameters: z.object({}),
    execute: async () => {
      throw new Error("the database is down");
    },
  };

  async function run(inputs, toolsFor, { stream = false } = {}) {
    const audit = await createTestRecorder();
    const agent = new Agent({ name: "support-bot", model: agentsModel(inputs), tools: toolsFor(audit) });
    const result = await new Runner({ tracingDisabled: true }).run(agent, "Go", { stream });
    await result.completed;
    const outputs = result.newItems.filter(({ type }) => type === "tool_call_output_item").map(({ output }) => output);
    return { audit, outputs };
  }

  for (const stream of [false, true]) {
    test(`calls are recorded${stream ? ", also if the run streams" : ""}`, async () => {
      const inputs = [
        ["read", { path: "/tmp/a" }],
        ["delete", { id: "42" }],
        ["throws", {}],
      ];
      const tools = (audit) => auditTools(audit, [read, remove(audit), throws], WHO).map((options) => tool(options));
      const { audit, outputs } = await run(inputs, tools, { stream });
      assert.deepEqual(outputs.slice(0, 2), ["contents of /tmp/a", "deleted"]);
      const events = await recorded(audit);
      const calls = events.filter(({ action }) => action === "tool.call");
      assert.deepEqual(
        calls
          .map(({ target, outcome, reason, metadata }) => [target.id, outcome, reason, metadata.tool.call_id])
          .sort(),
        [
          ["delete", "success", undefined, "call_1"],
          ["read", "success", undefined, "call_0"],
          ["throws", "failure", "the database is down", "call_2"],
        ],
      );
      assert.deepEqual(calls[0].metadata.agent, { framework: "openai-agents" });
      for (const { actor, on_behalf_of } of events) {
        assert.deepEqual([actor.id, on_behalf_of.id], ["support-bot", "u_1"]);
      }
    });
  }

  test("the context of the run names the person", async () => {
    const audit = await createTestRecorder();
    const options = { agent: "support-bot", onBehalfOf: ({ context }) => context.user };
    const agent = new Agent({
      name: "support-bot",
      model: agentsModel([["read", { path: "/tmp/a" }]]),
      tools: [tool(auditTool(audit, read, options))],
    });
    await new Runner({ tracingDisabled: true }).run(agent, "Go", { context: { user: "u_7" } });
    const [event] = await recorded(audit);
    assert.deepEqual(event.on_behalf_of, { id: "u_7", type: "user" });
  });

  test("tools that tool() returned hide errors, so their outcome isn't stated", async () => {
    const inputs = [
      ["read", { path: "/tmp/a" }],
      ["throws", {}],
    ];
    const { audit, outputs } = await run(inputs, (audit) => auditTools(audit, [tool(read), tool(throws)], WHO));
    assert.equal(outputs[0], "contents of /tmp/a");
    const events = await recorded(audit);
    assert.deepEqual(events.map(({ target, outcome }) => [target.id, outcome]).sort(), [
      ["read", undefined],
      ["throws", undefined],
    ]);
    assert.deepEqual(events.find(({ target }) => target.id === "read").metadata.tool.arguments, { path: "/tmp/a" });
  });

  test("refused calls don't run, and the model sees the refusal", async () => {
    const inputs = [
      ["read", { path: "/etc/passwd" }],
      ["delete", { id: "42" }],
    ];
    for (const toolsFor of [
      (audit, options) => auditTools(audit, [read, remove(audit)], options).map((one) => tool(one)),
      (audit, options) => auditTools(audit, [tool(read), tool(remove(audit))], options),
    ]) {
      const { audit, outputs } = await run(inputs, (audit) => toolsFor(audit, { ...WHO, gate: guard() }));
      assert.deepEqual(outputs, ["This call was refused by policy.", "A person must approve this call."]);
      const events = await recorded(audit);
      assert.deepEqual(events.map(({ target, outcome }) => [target.id, outcome]).sort(), [
        ["delete", "denied"],
        ["read", "denied"],
      ]);
    }
  });

  test("concurrent calls are recorded with their own arguments", async () => {
    const inputs = Array.from({ length: 20 }, (_, nth) => ["read", { path: `/tmp/${nth}` }]);
    const { audit } = await run(inputs, (audit) => [tool(auditTool(audit, read, WHO))]);
    const events = await recorded(audit);
    assert.deepEqual(
      events.map(({ metadata }) => [metadata.tool.call_id, metadata.tool.arguments.path]).sort(),
      inputs.map(([, { path }], nth) => [`call_${nth}`, path]).sort(),
    );
  });
});

test("a gate rejects text that isn't JSON, which a tool might read in its own way", async () => {
  for (const fail of ["open", "closed"]) {
    const audit = await createTestRecorder();
    const options = { ...WHO, gate: guard([], fail) };
    const ran = [];
    const run = (text) => ran.push(text) && "done";
    const definition = { type: "function", function: { name: "read", parameters: {}, function: run } };
    const [{ function: callback }] = auditTools(audit, [definition], options);
    assert.equal(await callback.function('{"path":"/tmp/a"}', {}), "done");
    const message = "This call was rejected: its arguments are malformed or too large.";
    for (const text of ["{path: '/etc/passwd'}", '{"path":"/etc/passwd",}', "", '{"a":1e999}', '{"a":"\\ud800"}']) {
      assert.equal(await callback.function(text, {}), message);
    }
    assert.deepEqual(ran, ['{"path":"/tmp/a"}']);
    const [, ...rejected] = await recorded(audit);
    assert.deepEqual(
      rejected.map(({ outcome, countersign }) => [outcome, countersign.rule]),
      rejected.map(() => ["denied", "event.invalid"]),
    );
    assert.equal(rejected.length, 5);
  }
});

test("functions of a Responses runner are recorded", async () => {
  const audit = await createTestRecorder();
  const [read] = auditTools(
    audit,
    [{ tool: { type: "function", name: "read" }, execute: ({ path }) => `contents of ${path}` }],
    { ...WHO, gate: guard() },
  );
  assert.equal(await read.execute({ path: "/tmp/a" }, {}), "contents of /tmp/a");
  assert.equal(await read.execute({ path: "/etc/passwd" }, {}), "This call was refused by policy.");
  const events = await recorded(audit);
  assert.deepEqual(
    events.map(({ target, outcome }) => [target.id, outcome]),
    [
      ["read", "success"],
      ["read", "denied"],
    ],
  );
});

test("tools named as ungated stay as they are, and mistakes are explained", async () => {
  const audit = await createTestRecorder();
  const hosted = { type: "hosted_tool", name: "web_search" };
  assert.equal(auditTools(audit, [hosted], { ungated: ["web_search"] })[0], hosted);
  assert.throws(() => auditTools(audit, [hosted]), /calls of the tool "web_search" can't be recorded or gated/);
  assert.throws(() => auditTools(audit, { hosted }), /`tools` must be an array/);
});
