/** Tests of `countersign/ai-sdk` with the AI SDK. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { generateText, stepCountIs, streamText, tool, wrapLanguageModel } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { auditModel, auditTools } from "countersign/ai-sdk";
import { createTestRecorder } from "countersign/testing";
import * as z from "zod";
import { guard, recorded, rule, sha256 } from "./gates.mjs";
import { aiModel } from "./models.mjs";

const toolsFor = (audit) => ({
  read: tool({ inputSchema: z.object({ path: z.string() }), execute: async ({ path }) => `contents of ${path}` }),
  delete: tool({
    inputSchema: z.object({ id: z.string() }),
    execute: ({ id }) => {
      audit.record("job.delete", { target: ["job", id] });
      return "deleted";
    },
  }),
  throws: tool({
    inputSchema: z.object({}),
    execute: async () => {
      throw new Error("the database is down");
    },
  }),
  streams: tool({
    inputSchema: z.object({ fails: z.boolean() }),
    async *execute({ fails }) {
      yield "loading";
      audit.record("job.trigger", { target: ["job", "1"] });
      if (fails) {
        throw new Error("the stream broke");
      }
      yield "loaded";
    },
  }),
  asks: tool({ inputSchema: z.object({}) }),
});
/** The page runs the tool `asks`. */
const WHO = { agent: "support-bot", onBehalfOf: "u_1", session: "s_1", ungated: ["asks"] };

async function run(inputs, options = {}, { isStreamed = false } = {}) {
  const audit = await createTestRecorder();
  const tools = auditTools(audit, toolsFor(audit), { ...WHO, ...options });
  const request = { model: aiModel(...inputs), prompt: "Go", tools, stopWhen: stepCountIs(3) };
  const result = isStreamed ? streamText(request) : await generateText(request);
  const steps = await result.steps;
  return { audit, contents: steps.flatMap(({ content }) => content) };
}

test("calls are recorded with agent, person, arguments, and the hash of the result", async () => {
  const { audit, contents } = await run([
    ["read", { path: "/tmp/a" }],
    ["delete", { id: "42" }],
  ]);
  assert.deepEqual(
    contents.filter(({ type }) => type === "tool-result").map(({ output }) => output),
    ["contents of /tmp/a", "deleted"],
  );
  const events = await recorded(audit);
  const read = events.find(({ target }) => target.id === "read");
  const { duration_ms: _, ...details } = read.metadata.tool;
  assert.deepEqual(details, {
    call_id: "call_0",
    arguments: { path: "/tmp/a" },
    result_sha256: await sha256("contents of /tmp/a"),
    result_bytes: 20,
  });
  assert.deepEqual(read.metadata.agent, { framework: "ai-sdk" });
  assert.deepEqual(events.map(({ action, outcome }) => [action, outcome]).sort(), [
    ["job.delete", undefined],
    ["tool.call", "success"],
    ["tool.call", "success"],
  ]);
  for (const event of events) {
    assert.deepEqual(event.actor, { id: "support-bot", session: "s_1", type: "agent" });
    assert.deepEqual(event.on_behalf_of, { id: "u_1", type: "user" });
  }
});

test("an exception is a failure with its reason, which the model sees", async () => {
  const { audit, contents } = await run([["throws", {}]]);
  assert.match(String(contents.find(({ type }) => type === "tool-error").error), /the database is down/);
  const [event] = await recorded(audit);
  assert.deepEqual([event.outcome, event.reason], ["failure", "the database is down"]);
});

test("an error that a tool of an MCP client returns is a failure with its text", async () => {
  const audit = await createTestRecorder();
  const result = { content: [{ type: "text", text: "no such job" }], isError: true };
  const tools = {
    deletes: { execute: async () => result },
    async *streams() {
      yield result;
    },
  };
  const { deletes, streams } = auditTools(audit, { ...tools, streams: { execute: tools.streams } }, WHO);
  assert.equal(await deletes.execute({}, { toolCallId: "call_1" }), result);
  assert.deepEqual(await Array.fromAsync(streams.execute({}, { toolCallId: "call_2" })), [result]);
  assert.deepEqual(
    (await recorded(audit)).map(({ outcome, reason }) => [outcome, reason]),
    [
      ["failure", "no such job"],
      ["failure", "no such job"],
    ],
  );
});

test("refused calls don't run, and are recorded", async () => {
  const { audit, contents } = await run(
    [
      ["read", { path: "/etc/passwd" }],
      ["delete", { id: "42" }],
      ["streams", { fails: false }],
    ],
    { gate: guard(), onBehalfOf: "u_bad" },
  );
  assert.equal(contents.filter(({ type }) => type === "tool-error").length, 3);
  const events = await recorded(audit);
  assert.deepEqual(events.map(({ target, outcome }) => [target.id, outcome]).sort(), [
    ["delete", "denied"],
    ["read", "denied"],
    ["streams", "denied"],
  ]);
});

test("a gate rejects arguments that JSON loses or changes", async () => {
  class Hidden {
    path = "/tmp/a";
    toJSON() {
      return { path: "/tmp/b" };
    }
  }
  class Derived extends Date {
    toJSON() {
      return "2026-01-01";
    }
  }
  class Computed {
    other = 1;
    get path() {
      return "/etc";
    }
  }
  const ran = [];
  const audit = await createTestRecorder();
  const { read } = auditTools(audit, { read: { execute: (input) => ran.push(input) } }, { gate: guard() });
  const call = (input) => read.execute(input, { toolCallId: "c_1" });
  for (const input of [
    new Hidden(),
    { deep: [new Hidden()] },
    new Map([["a", new Hidden()]]),
    { at: new Derived(0) },
    new Computed(),
    Object.assign(Object.create({ path: "/etc" }), { other: 1 }),
    {
      get path() {
        return "/etc";
      },
    },
    Object.defineProperty({}, "path", { value: "/etc" }),
    { [Symbol("path")]: "/etc" },
    Object.assign(["a"], { path: "/etc" }),
    Object.assign(["a"], { "-1": "/etc" }),
    Object.assign(["a"], { "": "/etc" }),
  ]) {
    await assert.rejects(call(input), /rejected/);
  }
  assert.deepEqual(ran, []);
  const passed = [
    { path: "/tmp/a", list: [1, { a: null }], undefined },
    Object.assign(Object.create(null), { path: "/tmp/a" }),
    { at: new Date(0), url: new URL("file:///tmp"), bytes: new Uint8Array(2), pairs: new Map([["a", new Set([1])]]) },
  ];
  for (const input of passed) {
    await call(input);
  }
  assert.deepEqual(ran, passed);
});

test("a challenged call runs when a person approves it", async () => {
  const { audit } = await run([["delete", { id: "42" }]], {
    gate: guard(),
    approve: async ({ arguments: { id } }) => id === "42",
  });
  const [deleted, call] = await recorded(audit);
  assert.equal(deleted.action, "job.delete");
  assert.deepEqual([call.outcome, call.metadata.tool.decision], ["success", "challenge"]);
  assert.equal(call.metadata.tool.approved_by, "u_1");
});

test("a tool that streams passes on its preliminary results", async () => {
  for (const isStreamed of [false, true]) {
    const { audit, contents } = await run([["streams", { fails: false }]], {}, { isStreamed });
    assert.equal(contents.find(({ type }) => type === "tool-result").output, "loaded");
    const [inner, call] = await recorded(audit);
    assert.deepEqual(inner.actor.id, "support-bot");
    assert.deepEqual([call.outcome, call.metadata.tool.result_sha256], ["success", await sha256("loaded")]);
    const failed = await run([["streams", { fails: true }]], {}, { isStreamed });
    const [, failure] = await recorded(failed.audit);
    assert.deepEqual([failure.outcome, failure.reason], ["failure", "the stream broke"]);
  }
});

test("a stream that its reader leaves is recorded without an outcome", async () => {
  const audit = await createTestRecorder();
  const { streams } = auditTools(audit, toolsFor(audit), WHO);
  const values = [];
  for await (const value of streams.execute({ fails: false }, { toolCallId: "call_7", messages: [] })) {
    values.push(value);
    break;
  }
  assert.deepEqual(values, ["loading"]);
  const [call, ...others] = await recorded(audit);
  assert.deepEqual(others, []);
  assert.deepEqual([call.outcome, call.reason], [undefined, "the caller stopped reading the result"]);
});

test("a stream that doesn't end after its reader canceled it is recorded", { timeout: 30_000 }, async (t) => {
  const audit = await createTestRecorder();
  const controller = new AbortController();
  const { hangs } = auditTools(
    audit,
    {
      hangs: {
        async *execute() {
          yield "loading";
          await new Promise(() => {});
        },
      },
    },
    WHO,
  );
  const values = hangs.execute({}, { toolCallId: "call_8", abortSignal: controller.signal });
  await values.next();
  values.next();
  controller.abort();
  while (audit.events().length === 0 && !t.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [call] = await recorded(audit);
  assert.deepEqual([call.outcome, call.reason], [undefined, "the caller canceled the call"]);
});

test("a call that was canceled before it ran, and doesn't end, is recorded", { timeout: 30_000 }, async (t) => {
  const audit = await createTestRecorder();
  const { hangs } = auditTools(audit, { hangs: { execute: () => new Promise(() => {}) } }, WHO);
  hangs.execute({}, { toolCallId: "call_9", abortSignal: AbortSignal.abort() });
  while (audit.events().length === 0 && !t.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [call] = await recorded(audit);
  assert.deepEqual([call.outcome, call.reason], [undefined, "the caller canceled the call"]);
});

test("a tool that is an object of a class runs as its method", async () => {
  class Reader {
    folder = "/tmp";
    execute({ name }) {
      return `${this.folder}/${name}`;
    }
    async *list() {
      yield this.folder;
    }
  }
  const lister = Object.assign(new Reader(), { execute: Reader.prototype.list });
  const tools = auditTools(await createTestRecorder(), { reader: new Reader(), lister }, WHO);
  assert.equal(await tools.reader.execute({ name: "a" }, { toolCallId: "call_1" }), "/tmp/a");
  assert.deepEqual(await Array.fromAsync(tools.lister.execute({}, { toolCallId: "call_2" })), ["/tmp"]);
});

test("concurrent calls are recorded with their own arguments", async () => {
  const { audit } = await run(Array.from({ length: 20 }, (_, nth) => ["delete", { id: `${nth}` }]));
  const events = (await recorded(audit)).filter(({ action }) => action === "tool.call");
  assert.deepEqual(
    events.map(({ metadata: { tool } }) => [tool.call_id, tool.arguments.id]).sort(),
    Array.from({ length: 20 }, (_, nth) => [`call_${nth}`, `${nth}`]).sort(),
  );
});

test("a canceled call says so", async () => {
  const audit = await createTestRecorder();
  const controller = new AbortController();
  const waits = tool({
    inputSchema: z.object({}),
    execute: (_, { abortSignal }) =>
      new Promise((_, reject) => abortSignal.addEventListener("abort", () => reject(new Error("stopped")))),
  });
  const tools = auditTools(audit, { waits }, WHO);
  const running = generateText({ model: aiModel(["waits", {}]), prompt: "Go", tools, abortSignal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await running.catch(() => {});
  while (audit.events().length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const [event] = await recorded(audit);
  assert.deepEqual([event.target.id, event.outcome, event.reason], ["waits", "failure", "stopped"]);
});

test("calls of a model are recorded with provider and model, also if they stream, fail, or are canceled", async () => {
  const audit = await createTestRecorder();
  const middleware = auditModel(audit, { ...WHO, results: "record" });
  const wrapped = (model) => wrapLanguageModel({ model, middleware });
  await generateText({ model: wrapped(aiModel(["asks", {}])), prompt: "Go", tools: toolsFor(audit) });
  const streamed = streamText({ model: wrapped(aiModel(["asks", {}])), prompt: "Go", tools: toolsFor(audit) });
  await streamed.consumeStream();
  const broken = new MockLanguageModelV4({
    doGenerate: async () => {
      throw new Error("overloaded");
    },
  });
  await assert.rejects(generateText({ model: wrapped(broken), prompt: "Go", maxRetries: 0 }), /overloaded/);
  const { stream } = await middleware.wrapStream({
    doStream: () => aiModel().doStream(),
    params: { prompt: [] },
    model: aiModel(),
  });
  await stream.cancel();
  const events = await recorded(audit);
  assert.deepEqual(
    events.map(({ action, target, outcome, reason }) => [action, target.type, target.id, outcome, reason]),
    [
      ["model.call", "model", "mock-model-id", "success", undefined],
      ["model.call", "model", "mock-model-id", "success", undefined],
      ["model.call", "model", "mock-model-id", "failure", "overloaded"],
      ["model.call", "model", "mock-model-id", undefined, "the caller stopped reading the answer"],
    ],
  );
  const [generated, streaming] = events.map(({ metadata }) => metadata);
  assert.deepEqual(generated.agent, { framework: "ai-sdk", model: "mock-model-id", provider: "mock-provider" });
  assert.match(generated.tool.arguments_sha256, /^[\da-f]{64}$/);
  assert.equal(generated.tool.arguments, undefined);
  const result = { text: "", tool_calls: [{ name: "asks", input: "{}" }], finish_reason: "tool-calls" };
  assert.deepEqual([generated.tool.result, streaming.tool.result], [result, result]);
});

test("a gate judges prompts with images, and rejects what it can't judge", async () => {
  const audit = await createTestRecorder();
  const rules = [rule("secret", "deny", { "metadata.tool.arguments|contains": "never" })];
  const middleware = auditModel(audit, { ...WHO, gate: guard(rules, "open") });
  const asked = (content) =>
    generateText({
      model: wrapLanguageModel({ model: answering(), middleware }),
      messages: [{ role: "user", content }],
    });
  const answering = () => new MockLanguageModelV4({ doGenerate: async () => ANSWER });
  const ANSWER = {
    content: [{ type: "text", text: "done" }],
    finishReason: { unified: "stop", raw: "stop" },
    usage: { inputTokens: {}, outputTokens: {} },
    warnings: [],
  };
  const image = { type: "file", mediaType: "image/png", data: new Uint8Array([137, 80, 78, 71]) };
  assert.equal((await asked([image])).text, "done");
  await assert.rejects(asked([{ type: "text", text: "\ud800" }]), /rejected/);
  await assert.rejects(asked([{ type: "text", text: "x".repeat(300_000) }]), /rejected/);
});
