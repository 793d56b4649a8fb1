/**
 * Tests that wrapping rejects tools whose calls it can't see. The lists name all functions of the SDKs that make tools, so
 * that a new one fails here until it is classified.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as jsonSchema from "@anthropic-ai/sdk/helpers/beta/json-schema";
import * as mcp from "@anthropic-ai/sdk/helpers/beta/mcp";
import * as memory from "@anthropic-ai/sdk/helpers/beta/memory";
import * as standard from "@anthropic-ai/sdk/helpers/beta/standard-schema";
import * as toolsets from "@anthropic-ai/sdk/helpers/beta/toolsets";
import * as anthropicZod from "@anthropic-ai/sdk/helpers/beta/zod";
import * as agents from "@openai/agents";
import * as ai from "ai";
import * as aiSdk from "countersign/ai-sdk";
import * as anthropic from "countersign/anthropic";
import * as openai from "countersign/openai";
import { createTestRecorder } from "countersign/testing";
import * as openaiStandard from "openai/helpers/standard-schema";
import * as openaiZod from "openai/helpers/zod";
import * as z from "zod";

const audit = await createTestRecorder();
const parameters = z.object({});
const common = { name: "x", description: "Does x", parameters };

/** Returns the names of a module's functions that make tools, as far as names tell. */
const makersOf = (module) =>
  Object.entries(module)
    .filter(([name, value]) => typeof value === "function" && /tool|function|toolset/i.test(name))
    .map(([name]) => name);

/** Asserts that all makers are listed. */
function complete(modules, makers, others) {
  const unknown = modules.flatMap(makersOf).filter((name) => !(name in makers) && !others.includes(name));
  assert.deepEqual(unknown, [], "classify these functions");
}

/** Asserts that a tool is wrapped, or rejected unless it is named as ungated. */
function classified(wrap, tool, name, isWrapped) {
  const wrapped = (options) => wrap(tool, options);
  if (isWrapped) {
    assert.notEqual(wrapped({}), tool);
    return;
  }
  assert.throws(
    () => wrapped({}),
    ({ code, member, hint }) =>
      code === "options.invalid" && member === "tools" && hint.includes(`ungated: ["${name}"]`),
  );
  assert.equal(wrapped({ ungated: [name] }), tool);
}

test("the OpenAI Agents SDK", () => {
  const shell = { run: async () => ({ output: [] }) };
  const editor = { createFile() {}, updateFile() {}, deleteFile() {} };
  const makers = {
    tool: [{ ...common, execute() {} }, true, "x"],
    shellTool: [{ shell }, false, "shell"],
    applyPatchTool: [{ editor }, false, "apply_patch"],
    computerTool: [{ computer: { environment: "mac", dimensions: [1, 1] } }, false, "computer_use_preview"],
    hostedMcpTool: [{ serverLabel: "x", serverUrl: "https://x.example" }, false, "hosted_mcp"],
    webSearchTool: [{}, false, "web_search"],
    fileSearchTool: [["vs_1"], false, "file_search"],
    codeInterpreterTool: [{}, false, "code_interpreter"],
    imageGenerationTool: [{}, false, "image_generation"],
    programmaticToolCallingTool: [{}, false, "programmatic_tool_calling"],
    toolSearchTool: [{}, false, "tool_search"],
  };
  // They handle tools that exist.
  const others = [
    "InvalidToolOutputError",
    "RunToolApprovalItem",
    "RunToolCallItem",
    "RunToolCallOutputItem",
    "RunToolSearchCallItem",
    "RunToolSearchOutputItem",
    "ToolCallError",
    "ToolInputGuardrailTripwireTriggered",
    "ToolOutputGuardrailTripwireTriggered",
    "ToolTimeoutError",
    "attachClientToolSearchExecutor",
    "createMCPListToolsSpan",
    "createMCPToolStaticFilter",
    "createFunctionSpan",
    "defineToolInputGuardrail",
    "defineToolOutputGuardrail",
    "getAllMcpTools",
    "getClientToolSearchExecutor",
    "getToolSearchRuntimeToolKey",
    "invalidateServerToolsCache",
    "invokeFunctionTool",
    "mcpToFunctionTool",
    "resolveToolInputGuardrails",
    "resolveToolOutputGuardrails",
    "runToolInputGuardrails",
    "runToolOutputGuardrails",
    "toolNamespace",
    "withFunctionSpan",
    "withMCPListToolsSpan",
  ];
  complete([agents], makers, others);
  for (const [name, [options, isWrapped]] of Object.entries(makers)) {
    const make = Object.entries(agents).find(([one]) => one === name)?.[1];
    const tool = make(options);
    classified((tool, options) => openai.auditTool(audit, tool, options), tool, tool.name, isWrapped);
  }
  classified((tool, options) => openai.auditTool(audit, tool, options), { ...common, execute() {} }, "x", true);
});

test("the OpenAI SDK", () => {
  const schema = { name: "x", parameters, function: () => "" };
  const makers = { zodFunction: true, zodResponsesFunction: true, zodRealtimeFunction: true };
  const standardMakers = { standardFunction: true, standardResponsesFunction: true };
  complete([openaiZod], makers, []);
  complete([openaiStandard], standardMakers, []);
  const wrap = (tool, options) => openai.auditTool(audit, tool, options);
  for (const make of [openaiZod.zodFunction, openaiZod.zodResponsesFunction, openaiZod.zodRealtimeFunction]) {
    const tool = make(schema);
    classified(wrap, tool, "x", typeof tool.$callback === "function");
  }
  for (const [name, isWrapped, tool] of [
    ["x", true, { type: "function", function: { name: "x", parameters: {}, function: () => "" } }],
    ["x", false, { type: "function", function: { name: "x", parameters: {} } }],
    ["web_search", false, { type: "web_search" }],
    ["mcp", false, { type: "mcp", server_label: "x" }],
    ["x", false, { type: "custom", name: "x", execute() {} }],
  ]) {
    classified(wrap, tool, name, isWrapped);
  }
});

test("the Anthropic SDK", () => {
  const run = () => "";
  const inputSchema = { type: "object", properties: {} };
  const makers = {
    betaTool: jsonSchema.betaTool?.({ name: "x", description: "Does x", inputSchema, run }),
    betaZodTool: anthropicZod.betaZodTool({ name: "x", description: "Does x", inputSchema: parameters, run }),
    betaStandardSchemaTool: undefined,
    betaMemoryTool: memory.betaMemoryTool({ view: run }),
    mcpTool: mcp.mcpTool({ name: "x", inputSchema }, { callTool: async () => ({ content: [] }) }),
    mcpTools: undefined,
  };
  const others = ["ToolError", "ToolsetClosedError", "ToolsetConfigError", "ToolsetContractError", "ToolsetUsageError"];
  const classes = ["BetaAbstractBrowserToolset20260801", "BetaAbstractComputerToolset20260801"];
  complete([jsonSchema, anthropicZod, standard, memory, mcp, toolsets], makers, [...others, ...classes]);
  const wrap = (tool, options) => anthropic.auditTools(audit, [tool], options)[0];
  for (const tool of Object.values(makers).filter((tool) => tool !== undefined)) {
    classified(wrap, tool, tool.name, true);
  }
  for (const [name, tool] of [
    ["web_search", { type: "web_search_20250305", name: "web_search" }],
    ["bash", { type: "bash_20250124", name: "bash" }],
    ["x", { type: "mcp_toolset", mcp_server_name: "x" }],
    ["browser_toolset_20260801", { type: "browser_toolset_20260801", run }],
  ]) {
    classified(wrap, tool, name, false);
  }
});

test("the AI SDK", () => {
  const makers = { tool: true, dynamicTool: true, toolSearch: false, experimental_toolCaller: false };
  const others = [
    "InvalidToolApprovalError",
    "InvalidToolApprovalSignatureError",
    "InvalidToolInputError",
    "MissingToolResultsError",
    "NoSuchToolError",
    "ToolCallNotFoundForApprovalError",
    "ToolCallRepairError",
    "ToolChoiceViolationError",
    "ToolLoopAgent",
    "UnsupportedFunctionalityError",
    "addToolInputExamplesMiddleware",
    "detectToolDrift",
    "experimental_filterActiveTools",
    "experimental_getRealtimeToolDefinitions",
    "filterActiveTools",
    "fingerprintTools",
    "getStaticToolName",
    "getToolName",
    "getToolOrDynamicToolName",
    "getToolTimeoutMs",
    "hasToolCall",
    "isDynamicToolUIPart",
    "isStaticToolUIPart",
    "isToolOutputErrorUIPart",
    "isToolUIPart",
    "lastAssistantMessageIsCompleteWithToolCalls",
  ];
  complete([ai], makers, others);
  const wrap = (tool, options) => aiSdk.auditTools(audit, { x: tool }, options).x;
  const execute = () => "";
  for (const [tool, isWrapped] of [
    [ai.tool({ inputSchema: parameters, execute }), true],
    [ai.dynamicTool({ inputSchema: parameters, execute }), true],
    [{ type: "provider", id: "a.bash", args: {}, isProviderExecuted: false, inputSchema: parameters, execute }, true],
    [{ type: "provider", id: "a.search", args: {}, isProviderExecuted: true, inputSchema: parameters }, false],
    [{ type: "provider", id: "a.search", args: {}, isProviderExecuted: true, inputSchema: parameters, execute }, false],
    [ai.tool({ inputSchema: parameters }), false],
    [{ type: "other", inputSchema: parameters, execute }, false],
    // The SDK replaces the functions of these.
    [ai.toolSearch(), false],
    [ai.toolSearch({ search: () => [] }), false],
    [
      ai.experimental_toolCaller(ai.tool({ inputSchema: parameters, execute }), { type: "local", bind: ai.tool }),
      false,
    ],
  ]) {
    classified(wrap, tool, "x", isWrapped);
  }
});
