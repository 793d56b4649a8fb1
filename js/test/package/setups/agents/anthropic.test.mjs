/** Tests of `countersign/anthropic` with the Anthropic SDK, and with the hooks' inputs of the Claude Agent SDK. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { auditHooks, auditTools } from "countersign/anthropic";
import { createTestRecorder } from "countersign/testing";
import * as z from "zod";
import { guard, recorded, sha256 } from "./gates.mjs";
import { anthropic } from "./models.mjs";

const WHO = { agent: "support-bot", onBehalfOf: "u_1" };

describe("the tool runner", () => {
  const toolsFor = (audit) => [
    betaZodTool({
      name: "read",
      description: "Reads a file",
      inputSchema: z.object({ path: z.string() }),
      run: async ({ path }) => `contents of ${path}`,
    }),
    betaZodTool({
      name: "delete",
      description: "Deletes a job",
      inputSchema: z.object({ id: z.string() }),
      run: ({ id }) => {
        audit.record("job.delete", { target: ["job", id] });
        return "deleted";
      },
    }),
    betaZodTool({
      name: "throws",
      description: "Fails",
      inputSchema: z.object({}),
      run: async () => {
        throw new Error("the database is down");
      },
    }),
  ];

  async function run(inputs, options = {}, stream = false) {
    const audit = await createTestRecorder();
    const { client, sent } = anthropic(inputs);
    const runner = client.beta.messages.toolRunner({
      model: "claude-opus-5",
      max_tokens: 100,
      stream,
      messages: [{ role: "user", content: "Go" }],
      tools: auditTools(audit, toolsFor(audit), { ...WHO, ...options }),
    });
    await runner.runUntilDone();
    const results = sent[1].messages.at(-1).content.map(({ content, is_error }) => [content, is_error === true]);
    return { audit, results, sent };
  }

  test("a model can't keep its call from being recorded", async () => {
    const nested = JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`);
    const calls = [
      [{ nested }, "toolu_1", undefined],
      [{ "\ud800": 1 }, "toolu_2", undefined],
      [{ "\ud800": 1 }, "toolu_3", { "*": "record" }],
      [{}, "x".repeat(300_000), undefined],
      [{}, "\ud800", undefined],
      [{}, "toolu_6", undefined, "x".repeat(300_000)],
      [{}, "toolu_7", undefined, "\ud800"],
    ];
    for (const gate of [undefined, guard([], "open"), guard([], "closed")]) {
      const audit = await createTestRecorder();
      let count = 0;
      for (const [input, id, policy, session] of calls) {
        const run = () => {
          count += 1;
          return nested;
        };
        const [tool] = auditTools(audit, [{ name: "free", run }], {
          gate,
          arguments: policy,
          results: "record",
          session,
        });
        await tool.run(input, { toolUse: { id } }).catch(() => {});
      }
      const events = await recorded(audit);
      assert.equal(count, gate === undefined ? calls.length : 0);
      assert.deepEqual(
        events.map(({ action, target, outcome }) => [action, target.id, outcome]),
        calls.map(() => ["tool.call", "free", gate === undefined ? "success" : "denied"]),
      );
      const [deep] = events;
      assert.match(deep.metadata.tool.arguments_sha256, /^[\da-f]{64}$/);
      assert.equal(deep.metadata.tool.arguments, undefined);
    }
    const audit = await createTestRecorder();
    assert.throws(() => auditTools(audit, [], { maxBytes: 65_537 }), { code: "options.invalid", member: "maxBytes" });
  });

  for (const stream of [false, true]) {
    test(`calls are recorded${stream ? ", also if the model's answer streams" : ""}`, async () => {
      const inputs = [
        ["read", { path: "/tmp/a" }],
        ["delete", { id: "42" }],
        ["throws", {}],
      ];
      const { audit, results } = await run(inputs, {}, stream);
      assert.deepEqual(results.slice(0, 2), [
        ["contents of /tmp/a", false],
        ["deleted", false],
      ]);
      assert.equal(results[2][1], true);
      const events = await recorded(audit);
      const calls = events.filter(({ action }) => action === "tool.call");
      assert.deepEqual(
        calls
          .map(({ target, outcome, reason, metadata }) => [target.id, outcome, reason, metadata.tool.call_id])
          .sort(),
        [
          ["delete", "success", undefined, "toolu_1"],
          ["read", "success", undefined, "toolu_0"],
          ["throws", "failure", "the database is down", "toolu_2"],
        ],
      );
      const { metadata } = calls.find(({ target }) => target.id === "read");
      assert.deepEqual(metadata.tool.arguments, { path: "/tmp/a" });
      assert.equal(metadata.tool.result_sha256, await sha256("contents of /tmp/a"));
      assert.deepEqual(metadata.agent, { framework: "anthropic" });
      for (const { actor, on_behalf_of } of events) {
        assert.deepEqual([actor.id, on_behalf_of.id], ["support-bot", "u_1"]);
      }
    });
  }

  test("refused calls don't run, and the model sees the refusal as an error", async () => {
    const inputs = [
      ["read", { path: "/etc/passwd" }],
      ["delete", { id: "42" }],
    ];
    const { audit, results } = await run(inputs, { gate: guard() });
    assert.deepEqual(
      results.map(([, isError]) => isError),
      [true, true],
    );
    assert.match(JSON.stringify(results), /refused by policy.*A person must approve/);
    const events = await recorded(audit);
    assert.deepEqual(events.map(({ target, outcome }) => [target.id, outcome]).sort(), [
      ["delete", "denied"],
      ["read", "denied"],
    ]);
  });

  test("concurrent calls are recorded with their own arguments", async () => {
    const inputs = Array.from({ length: 20 }, (_, nth) => ["read", { path: `/tmp/${nth}` }]);
    const { audit } = await run(inputs);
    const events = await recorded(audit);
    assert.deepEqual(
      events.map(({ metadata }) => [metadata.tool.call_id, metadata.tool.arguments.path]).sort(),
      inputs.map(([, { path }], nth) => [`toolu_${nth}`, path]).sort(),
    );
  });
});

describe("hooks of the Claude Agent SDK", () => {
  const BASE = { session_id: "s_1", transcript_path: "/tmp/t", cwd: "/tmp" };

  async function hooked(options = {}) {
    const audit = await createTestRecorder();
    const hooks = auditHooks(audit, { onBehalfOf: "u_1", ...options });
    const fire = (name, fields = {}) => {
      const [{ hooks: handlers }] = hooks[name];
      return handlers[0]({ ...BASE, hook_event_name: name, ...fields }, fields.tool_use_id, {
        signal: AbortSignal.timeout(10_000),
      });
    };
    return { audit, fire, hooks };
  }
  const use = (tool_use_id, tool_name, tool_input, more = {}) => ({ tool_use_id, tool_name, tool_input, ...more });

  test("calls are recorded when they end", async () => {
    const { audit, fire } = await hooked();
    const read = use("t_1", "Read", { path: "/tmp/a" });
    const fails = use(
      "t_2",
      "mcp__jobs__delete",
      { id: "42" },
      {
        agent_id: "a_1",
        agent_type: "reviewer",
        mcp_server: { name: "jobs", source: "user" },
      },
    );
    const denied = use("t_3", "Bash", { command: "ls" });
    for (const one of [read, fails, denied]) {
      assert.deepEqual(await fire("PreToolUse", one), {});
    }
    await fire("PostToolUse", { ...read, tool_response: "contents" });
    await fire("PostToolUseFailure", { ...fails, error: "no such job" });
    await fire("PermissionDenied", { ...denied, reason: "too risky" });
    await fire("Stop", { stop_hook_active: false });
    const events = await recorded(audit);
    assert.deepEqual(
      events.map(({ actor, target, outcome, reason }) => [actor.id, actor.session, target.id, outcome, reason]),
      [
        ["claude-code", "s_1", "Read", "success", undefined],
        ["reviewer", "s_1", "jobs/mcp__jobs__delete", "failure", "no such job"],
        ["claude-code", "s_1", "Bash", "denied", "too risky"],
      ],
    );
    assert.deepEqual(events[0].metadata.agent, { framework: "claude-agent-sdk" });
    assert.equal(events[0].metadata.tool.result_sha256, await sha256("contents"));
  });

  test("calls whose end no hook reports are recorded without an outcome", async () => {
    const { audit, fire } = await hooked();
    await fire("PreToolUse", use("t_1", "Bash", { command: "ls" }));
    await fire("PreToolUse", use("t_2", "Bash", { command: "ls" }, { agent_id: "a_1" }));
    await fire("PreToolUse", use("t_3", "Bash", { command: "ls" }, { session_id: "s_2" }));
    await fire("Stop");
    assert.deepEqual(
      audit.events().map(({ metadata }) => metadata.tool.call_id),
      ["t_1"],
    );
    await fire("SessionEnd");
    const [first, second, ...others] = await recorded(audit);
    assert.deepEqual([first.outcome, second.metadata.tool.call_id, others], [undefined, "t_2", []]);
    assert.match(first.reason, /did not report/);
  });

  test("a refused call is denied, whatever the recording does", async () => {
    const lone = { "x\ud800": 1 };
    const deep = JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`);
    for (const [input, prepare] of [
      [lone],
      [deep],
      [{ path: "/etc/passwd" }, (audit) => audit.close()],
      [{ path: "/etc/passwd" }, (audit) => Object.assign(audit, { record: () => assert.fail("it threw") })],
      [
        { path: "/etc/passwd" },
        (audit) => Object.assign(audit, { record: () => ({ stored: () => new Promise(() => {}) }) }),
      ],
    ]) {
      const errors = [];
      const options = { gate: guard(), required: true, onError: ({ code }) => errors.push(code) };
      const { audit, fire } = await hooked(options);
      await prepare?.(audit);
      const { hookSpecificOutput } = await fire("PreToolUse", use("t_1", "Read", input));
      assert.equal(hookSpecificOutput.permissionDecision, "deny");
    }
  });

  test("a hook that fails denies the call if it is gated or must be recorded", async () => {
    const broken = { toString: () => assert.fail("it threw") };
    for (const [options, decision] of [
      [{ gate: guard() }, "deny"],
      [{ required: true }, "deny"],
      [{}, undefined],
    ]) {
      const errors = [];
      const { fire } = await hooked({ onError: ({ code }) => errors.push(code), ...options });
      const output = await fire("PreToolUse", use("t_1", broken, {}));
      assert.equal(output.hookSpecificOutput?.permissionDecision, decision);
      assert.deepEqual(errors, ["recorder.failed"]);
    }
  });

  test("a gate refuses calls, and a challenge asks in Claude Code or calls `approve`", async () => {
    const { audit, fire } = await hooked({ gate: guard() });
    const refused = await fire("PreToolUse", use("t_1", "Read", { path: "/etc/passwd" }));
    assert.equal(refused.hookSpecificOutput.permissionDecision, "deny");
    const asked = use("t_2", "delete", { id: "42" });
    assert.equal((await fire("PreToolUse", asked)).hookSpecificOutput.permissionDecision, "ask");
    await fire("PostToolUse", { ...asked, tool_response: "deleted" });
    const unanswered = use("t_3", "delete", { id: "43" });
    await fire("PreToolUse", unanswered);
    await fire("Stop");
    const [denied, approved, refusedByPerson] = await recorded(audit);
    const approvals = ({ metadata: { tool } }) => [tool.approved_by, tool.approval];
    assert.deepEqual(approvals(approved), [undefined, "reported_by_client"]);
    assert.equal(refusedByPerson.outcome, undefined);
    assert.deepEqual(approvals(refusedByPerson), [undefined, undefined]);
    assert.deepEqual([denied.outcome, denied.reason], ["denied", "refused by The rule etc"]);
    assert.deepEqual([approved.outcome, approved.metadata.tool.decision], ["success", "challenge"]);

    const own = await hooked({ gate: guard(), approve: () => false });
    const declined = await own.fire("PreToolUse", asked);
    assert.equal(declined.hookSpecificOutput.permissionDecision, "deny");
    const [event] = await recorded(own.audit);
    assert.equal(event.reason, "refused by The rule delete: the person declined");
  });
});
