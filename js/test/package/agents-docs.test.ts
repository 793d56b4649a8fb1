/** Runs the code of `docs/agents.md` with the SDKs, from the tarball. */

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { GatedLog, skip as noLog } from "../adapters/gate.ts";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { Installed } from "./installed.ts";
import { inWorkerd } from "./runtimes.ts";

const run = promisify(execFile);
const frameworks = fileURLToPath(new URL("frameworks/node_modules", import.meta.url));
const noSdks =
  !existsSync(frameworks) &&
  process.env.CI === undefined &&
  "the SDKs are not installed: npm ci in js/test/package/frameworks";
const skip = noLog || noSdks;

const page = readFileSync(new URL("../../../docs/agents.md", import.meta.url), "utf8");
const [rules] = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, code = ""]) => code);
const blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = ""]) => code);

/** Returns the block that contains this text. */
const block = (text: string) => {
  const found = blocks.filter((code) => code.includes(text));
  assert.equal(found.length, 1, text);
  return found[0] as string;
};

/** Names that the blocks of the page expect. */
const AROUND = `
  import { createTestRecorder } from "countersign/testing";
  const audit = await createTestRecorder();
  const [user, conversation, prompt] = [{ id: "u_1" }, { id: "s_1" }, "Go"];
  const messages = [{ role: "user", content: prompt }];
`;

/** Reports what was recorded. */
const REPORT = "\nconsole.log(JSON.stringify(audit.events()));\n";

/** Connects a client to the server of a block, and calls its tool. */
const CALL = `
  import { Client } from "@modelcontextprotocol/client";
  import { InMemoryTransport, McpServer } from "@modelcontextprotocol/server";
  import { auditMcp } from "countersign/mcp";
  async function call(server, input, client = new Client({ name: "claude-code", version: "1.0.0" })) {
    server.registerTool("delete_job", {}, async () => ({ content: [] }));
    const [near, far] = InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(far), client.connect(near)]);
    return client.callTool({ name: "delete_job", arguments: input });
  }
`;

interface Recorded {
  action: string;
  actor?: { id: string };
  on_behalf_of?: { id: string };
  outcome?: string;
  metadata?: { tool?: Record<string, unknown> };
}

describe("docs/agents.md", { skip, timeout: 120_000 }, () => {
  let installed: Installed;
  const log = new GatedLog();
  before(async () => {
    installed = new Installed("countersign");
    installed.bring(frameworks);
    await log.start();
  });
  after(async () => {
    await log.close();
    installed.remove();
  });

  /** Runs a block between other code, and returns what it recorded. */
  async function recorded(code: string, before: string, afterwards = ""): Promise<Recorded[]> {
    const file = installed.path("test/setups/agents", `block-${Math.random()}.mjs`);
    writeFileSync(file, `${AROUND}${before}\n${code}\n${afterwards}${REPORT}`);
    const { stdout } = await run(process.execPath, [file], { cwd: installed.folder });
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  }

  /** Asserts that the only event is a call of the agent for `u_1`. */
  function isCall(events: Recorded[], agent = "support-bot", outcome: string | undefined = "success") {
    assert.deepEqual(
      events.map(({ action, actor, on_behalf_of, outcome }) => [action, actor?.id, on_behalf_of?.id, outcome]),
      [["tool.call", agent, "u_1", outcome]],
    );
  }

  test("an MCP server", async () => {
    const file = installed.path("server.mjs");
    writeFileSync(file, block("StdioServerTransport"));
    writeFileSync(installed.path("call.mjs"), block("StdioClientTransport"));
    const { stdout } = await run(process.execPath, ["call.mjs"], {
      cwd: installed.folder,
      env: { ...process.env, AUDIT_KEY: EMITTERS[0].secret, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey },
    });
    assert.equal(stdout, "deleted 42\n");
    await eventually(
      "the log has the call and the deletion",
      () => log.events(),
      (events) =>
        ["job.delete", "tool.call"].every((action) =>
          events.some(
            ({ event }) => event.action === action && (event as Recorded & typeof event).actor?.id === "first-call",
          ),
        ),
    );
  });

  for (const [name, flags, actor] of [
    ["with nodejs_compat", ["nodejs_compat"], { id: "unknown", type: "agent" }],
    ["without nodejs_compat", [], undefined],
  ] as const) {
    test(`an MCP server in a Worker ${name}`, async () => {
      const known = (await log.events()).length;
      const warnings: string[] = [];
      const worker = await inWorkerd(installed, block("createMcpHandler(() =>"), {
        bindings: { AUDIT_KEY: EMITTERS[0].secret, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey },
        compatibilityFlags: [...flags],
        handleStructuredLogs({ message }: { message: string }) {
          warnings.push(message);
        },
      });
      try {
        for (const id of [1, 2]) {
          const response = await worker.dispatchFetch("http://worker.test/mcp", {
            method: "POST",
            headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
            body: JSON.stringify({
              jsonrpc: "2.0",
              id,
              method: "tools/call",
              params: { name: "delete_job", arguments: { id: "42" } },
            }),
          });
          assert.match(await response.text(), /deleted 42/);
        }
        const events = await eventually(
          "the log has the calls and the deletions",
          async () => (await log.events()).slice(known).map(({ event }) => event as unknown as Recorded),
          ({ length }) => length === 4,
        );
        const actors = (of: string) => events.filter(({ action }) => action === of).map((event) => event.actor);
        const agent = { id: "unknown", type: "agent" };
        assert.deepEqual(actors("tool.call"), [agent, agent]);
        assert.deepEqual(actors("job.delete"), [actor, actor]);
        const warned = () => warnings.filter((line) => line.includes("context.unavailable")).length;
        await eventually(
          "the warning",
          async () => warned(),
          (count) => count === (actor === undefined ? 1 : 0),
        );
      } finally {
        await worker.dispose();
      }
    });
  }

  test("the agent and the person of an MCP server", async () => {
    const users = `${CALL}const users = { get: () => "u_1" };`;
    isCall(await recorded(block("users.get"), users, "await call(server, {});"));
  });

  test("an MCP client", async () => {
    const call = 'await call(new McpServer({ name: "jobs", version: "1.0.0" }), {}, client);';
    isCall(await recorded(block("auditMcpClient"), CALL, call));
  });

  test("the AI SDK", async () => {
    const before = `import { aiModel } from "./models.mjs"; const model = aiModel(["deleteJob", { id: "42" }]);`;
    const events = await recorded(block("auditModel"), before);
    assert.deepEqual(
      events.map(({ action, actor, on_behalf_of, outcome }) => [action, actor?.id, on_behalf_of?.id, outcome]),
      ["model.call", "tool.call", "model.call"].map((action) => [action, "support-bot", "u_1", "success"]),
    );
  });

  test("OpenAI", async () => {
    const before = `import { openAi } from "./models.mjs";
      const [model, { client }] = ["gpt-5", openAi([["delete_job", { id: "42" }]])];`;
    isCall(await recorded(block("runTools"), before));
  });

  test("the OpenAI Agents SDK", async () => {
    const before = `import { setTracingDisabled } from "@openai/agents";
      import { agentsModel } from "./models.mjs";
      setTracingDisabled(true);
      const model = agentsModel([["delete_job", { id: "42" }]]);`;
    isCall(await recorded(block("auditTool("), before));
  });

  test("Anthropic", async () => {
    const before = `import { anthropic } from "./models.mjs";
      const [model, { client }] = ["claude-opus-5", anthropic([["delete_job", { id: "42" }]])];`;
    isCall(await recorded(block("betaZodTool"), before));
  });

  test("the Claude Agent SDK", async () => {
    // The SDK starts a program that needs a network, so this stands in for it.
    const folder = installed.path("node_modules/@anthropic-ai/claude-agent-sdk");
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/package.json`, '{ "type": "module", "exports": "./sdk.mjs" }');
    writeFileSync(
      `${folder}/sdk.mjs`,
      `export async function* query({ options: { hooks } }) {
        const call = { session_id: "s_1", tool_use_id: "t_1", tool_name: "Bash", tool_input: { command: "ls" } };
        for (const hook_event_name of ["PreToolUse", "PostToolUse"]) {
          await hooks[hook_event_name][0].hooks[0]({ ...call, hook_event_name, tool_response: {} });
        }
        yield { type: "result", subtype: "success" };
      }`,
    );
    isCall(await recorded(block("auditHooks"), ""), "claude-code");
  });

  test("policies", async () => {
    const server = 'const server = auditMcp(audit, new McpServer({ name: "jobs", version: "1.0.0" }), options);';
    const call =
      'server.registerTool("delete_job", { inputSchema: z.object({ body: z.string() }) }, () => ({ content: [] }));';
    const events = await recorded(
      block("set_password"),
      `${CALL}import * as z from "zod";`,
      `${server}
      ${call}
      server.registerTool = () => {};
      await call(server, { body: "hello" });`,
    );
    const [{ metadata } = {}] = events;
    const { arguments: { body } = { body: undefined }, result_sha256 } = (metadata?.tool ?? {}) as {
      arguments?: { body?: { bytes: number } };
      result_sha256?: string;
    };
    assert.equal(body?.bytes, 7);
    assert.match(result_sha256 ?? "", /^[\da-f]{64}$/);
  });

  test("a gate built from the page's rules", async () => {
    const folder = installed.path("rules");
    mkdirSync(folder);
    writeFileSync(`${folder}/agents.yml`, rules ?? assert.fail("no rules"));
    const program = process.env.COUNTERSIGN ?? assert.fail("COUNTERSIGN is not set");
    const output = installed.path("test/setups/agents/pack.json");
    execFileSync(program, ["rules", "build", folder, "-o", output], { stdio: "pipe" });
    const confirms = (answer: boolean) => `${CALL}const confirm = async () => ${answer};`;
    const code = block("./pack.json");
    const outcomes = async (before: string, input: object) => {
      const events = await recorded(code, before, `await call(server, ${JSON.stringify(input)});`);
      return events.map(({ outcome, metadata }) => [outcome, metadata?.tool?.decision]);
    };
    assert.deepEqual(await outcomes(confirms(true), { id: "42" }), [["success", "challenge"]]);
    assert.deepEqual(await outcomes(confirms(false), { id: "42" }), [["denied", "challenge"]]);
    assert.deepEqual(await outcomes(confirms(true), { path: "/etc/passwd" }), [["denied", "deny"]]);
  });

  test("delegation", async () => {
    const [event] = await recorded(block("delegation(claims)"), "");
    assert.deepEqual([event?.actor?.id, event?.on_behalf_of?.id], ["support-bot", "u_1"]);
  });
});
