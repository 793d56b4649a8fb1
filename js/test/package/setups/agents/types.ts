/** Must compile with the types of the SDKs. */

import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { Client } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { McpServer } from "@modelcontextprotocol/server";
import { Agent, tool as agentTool } from "@openai/agents";
import { generateText, type LanguageModel, tool, wrapLanguageModel } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import type { Audit } from "countersign";
import * as ai from "countersign/ai-sdk";
import * as anthropic from "countersign/anthropic";
import { auditMcp, auditMcpClient } from "countersign/mcp";
import * as openai from "countersign/openai";
import OpenAI from "openai";
import { zodFunction } from "openai/helpers/zod";
import * as z from "zod";

declare const audit: Audit;

export const servers: [OldServer, McpServer] = [
  auditMcp(audit, new OldServer({ name: "jobs", version: "1.0.0" }), { session: ({ sessionId }) => sessionId }),
  auditMcp(audit, new McpServer({ name: "jobs", version: "1.0.0" }), { onBehalfOf: { id: 7, grant: "g_1" } }),
];
export const clients: [OldClient, Client] = [
  auditMcpClient(audit, new OldClient({ name: "bot", version: "1.0.0" }), { agent: "bot" }),
  auditMcpClient(audit, new Client({ name: "bot", version: "1.0.0" }), { agent: { id: "bot", type: "service" } }),
];
// @ts-expect-error An unknown rule.
auditMcp(audit, servers[0], { results: "keep" });

const inputSchema = z.object({ id: z.string() });
export const { deleteJob } = ai.auditTools(audit, {
  deleteJob: tool({ inputSchema, execute: async ({ id }) => `deleted ${id}` }),
});
export const model: LanguageModel = wrapLanguageModel({
  model: new MockLanguageModelV4(),
  middleware: ai.auditModel(audit, { onBehalfOf: "u_1" }),
});
export const text = generateText({ model, prompt: "Go", tools: ai.auditTools(audit, { deleteJob }) });

export const agent = new Agent({
  name: "support-bot",
  tools: [
    agentTool(
      openai.auditTool(audit, {
        name: "delete_job",
        description: "Deletes a job",
        parameters: inputSchema,
        execute: ({ id }) => `deleted ${id}`,
      }),
    ),
  ],
});
export const runner = new OpenAI().chat.completions.runTools({
  model: "gpt-5",
  messages: [],
  tools: openai.auditTools(audit, [
    zodFunction({ name: "delete_job", parameters: inputSchema, function: ({ id }) => `deleted ${id}` }),
  ]),
});

export const messages = new Anthropic().beta.messages.toolRunner({
  model: "claude-opus-5",
  max_tokens: 100,
  messages: [],
  tools: anthropic.auditTools(audit, [
    betaZodTool({ name: "delete_job", description: "Deletes a job", inputSchema, run: ({ id }) => `deleted ${id}` }),
  ]),
});
