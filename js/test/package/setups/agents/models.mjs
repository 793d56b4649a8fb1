/** Models that call tools once, and then answer, without a network. */

import Anthropic from "@anthropic-ai/sdk";
import { Usage } from "@openai/agents";
import { simulateReadableStream } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import OpenAI from "openai";

const USAGE = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
const finish = (unified) => ({ unified, raw: unified });
const calls = (inputs) =>
  inputs.map(([toolName, input], nth) => ({
    type: "tool-call",
    toolCallId: `call_${nth}`,
    toolName,
    input: JSON.stringify(input),
  }));

/** A model of the AI SDK that calls these tools once, and then answers. */
export function aiModel(...inputs) {
  const answers = [
    { content: calls(inputs), finishReason: finish("tool-calls"), usage: USAGE, warnings: [] },
    { content: [{ type: "text", text: "done" }], finishReason: finish("stop"), usage: USAGE, warnings: [] },
  ];
  return new MockLanguageModelV4({
    doGenerate: async () => answers.shift(),
    doStream: async () => {
      const { content, finishReason } = answers.shift();
      const texts = content.flatMap((part) =>
        part.type === "text"
          ? [
              { type: "text-start", id: "1" },
              { type: "text-delta", id: "1", delta: part.text },
              { type: "text-end", id: "1" },
            ]
          : [part],
      );
      const chunks = [{ type: "stream-start", warnings: [] }, ...texts, { type: "finish", finishReason, usage: USAGE }];
      return { stream: simulateReadableStream({ chunks, initialDelayInMs: null, chunkDelayInMs: null }) };
    },
  });
}

/** A client of OpenAI whose model calls these tools, and then answers. */
export function openAi(inputs) {
  const message = (message, finish_reason) => ({
    id: "chatcmpl_1",
    object: "chat.completion",
    created: 1,
    model: "gpt-5",
    choices: [{ index: 0, finish_reason, logprobs: null, message: { role: "assistant", content: null, ...message } }],
  });
  const tool_calls = inputs.map(([name, input], nth) => ({
    id: `call_${nth}`,
    type: "function",
    function: { name, arguments: JSON.stringify(input) },
  }));
  const answers = [message({ tool_calls }, "tool_calls"), message({ content: "done" }, "stop")];
  const sent = [];
  const fetch = async (_url, { body }) => {
    sent.push(JSON.parse(body));
    const answer = answers.shift();
    if (!sent.at(-1).stream) {
      return Response.json(answer);
    }
    const [{ message: whole, finish_reason }] = answer.choices;
    const delta = { ...whole, tool_calls: whole.tool_calls?.map((call, index) => ({ index, ...call })) };
    const chunk = (delta, finish_reason) =>
      `data: ${JSON.stringify({ ...answer, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
    const text = `${chunk(delta, null)}${chunk({}, finish_reason)}data: [DONE]\n\n`;
    return new Response(text, { headers: { "content-type": "text/event-stream" } });
  };
  return { client: new OpenAI({ apiKey: "none", fetch, maxRetries: 0 }), sent };
}

/** A model of the OpenAI Agents SDK that calls these tools, and then answers. */
export function agentsModel(inputs) {
  const callsOf = inputs.map(([name, input], nth) => ({
    type: "function_call",
    callId: `call_${nth}`,
    name,
    status: "completed",
    arguments: JSON.stringify(input),
  }));
  const text = { type: "output_text", text: "done" };
  const answers = [callsOf, [{ type: "message", role: "assistant", status: "completed", content: [text] }]];
  const next = () => ({
    usage: new Usage(),
    output: answers.shift(),
    responseId: "resp_1",
  });
  return {
    getResponse: async () => next(),
    async *getStreamedResponse() {
      const { output, responseId } = next();
      const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };
      yield { type: "response_done", response: { id: responseId, output, usage } };
    },
  };
}

/** A client of Anthropic whose model calls these tools, and then answers. */
export function anthropic(inputs) {
  const message = (content, stop_reason) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-opus-5",
    content,
    stop_reason,
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  });
  const uses = inputs.map(([name, input], nth) => ({ type: "tool_use", id: `toolu_${nth}`, name, input }));
  const answers = [message(uses, "tool_use"), message([{ type: "text", text: "done" }], "end_turn")];
  const sent = [];
  const fetch = async (_url, { body }) => {
    sent.push(JSON.parse(body));
    const answer = answers.shift();
    return sent.at(-1).stream
      ? new Response(streamOf(answer), { headers: { "content-type": "text/event-stream" } })
      : Response.json(answer);
  };
  return { client: new Anthropic({ apiKey: "none", fetch, maxRetries: 0 }), sent };
}

function streamOf({ content, stop_reason, ...message }) {
  const events = [
    { type: "message_start", message: { ...message, content: [], stop_reason: null } },
    ...content.flatMap((block, index) => [
      {
        type: "content_block_start",
        index,
        content_block: block.type === "text" ? { ...block, text: "" } : { ...block, input: {} },
      },
      {
        type: "content_block_delta",
        index,
        delta:
          block.type === "text"
            ? { type: "text_delta", text: block.text }
            : { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
      },
      { type: "content_block_stop", index },
    ]),
    { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 1 } },
    { type: "message_stop" },
  ];
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}
