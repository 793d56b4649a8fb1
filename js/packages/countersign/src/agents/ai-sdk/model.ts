/** Middleware of the Vercel AI SDK that records the calls of a model. */

import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import { type AgentCall, type CallEnd, failedWith } from "../call.js";
import type { AgentOptions } from "../options.js";
import { AgentRecording, type OpenCall } from "../recording.js";
import { throwRefusal } from "../tool-function.js";
import { FRAMEWORK } from "./tools.js";

/** The parameters of a model's call, which callbacks receive. */
export interface AiModelContext {
  readonly prompt?: unknown;
  readonly abortSignal?: AbortSignal | undefined;
}

/** A middleware for `wrapLanguageModel`. */
export interface AuditMiddleware {
  readonly specificationVersion: "v4";
  // biome-ignore-start lint/suspicious/noExplicitAny: the SDK's types change with its versions.
  wrapGenerate(call: { doGenerate: () => PromiseLike<any>; params: any; model: any }): Promise<any>;
  wrapStream(call: { doStream: () => PromiseLike<any>; params: any; model: any }): Promise<any>;
  // biome-ignore-end lint/suspicious/noExplicitAny: see above
}

/**
 * Returns a middleware that records each call of a model as `model.call`, with the provider and the model. Prompts and
 * answers are hashed unless the options `arguments` and `results` say otherwise. A call that streams is recorded when
 * its stream ends.
 *
 * @example
 * ```ts
 * const model = wrapLanguageModel({ model: openai("gpt-5"), middleware: auditModel(audit, { agent: "support-bot" }) });
 * ```
 */
export function auditModel(audit: Audit, options: AgentOptions<AiModelContext> = {}): AuditMiddleware {
  const recording = new AgentRecording<AiModelContext>(audit, FRAMEWORK, { arguments: "hash", ...options });
  return {
    specificationVersion: "v4",
    wrapGenerate: ({ doGenerate, params, model }) =>
      recording.handle(callOf(params, model), {
        work: doGenerate,
        endOf: (result) => answered(result?.content, result?.finishReason),
        refused: throwRefusal,
      }),
    wrapStream: async ({ doStream, params, model }) => {
      const open = await recording.begin(callOf(params, model));
      if (open.refusal !== undefined) {
        await open.end({});
        throwRefusal(open.refusal);
      }
      try {
        const result = await open.within(doStream);
        return { ...result, stream: observed(result.stream, open) };
      } catch (error) {
        await open.end(failedWith(error));
        throw error;
      }
    },
  };
}

function callOf(params: AiModelContext, model: unknown): AgentCall<AiModelContext> {
  const text = (name: string) => {
    const value = field(model, name);
    return typeof value === "string" ? value : undefined;
  };
  const id = text("modelId");
  return {
    action: "model.call",
    source: params,
    name: id ?? "",
    arguments: params?.prompt,
    origin: { model: id, provider: text("provider") },
    signal: params?.abortSignal,
  };
}

/** Returns the end of a call with this content. */
function answered(content: unknown, finishReason: unknown): CallEnd {
  const parts = Array.isArray(content) ? content : [];
  const reason = field(finishReason, "unified") ?? finishReason;
  return {
    outcome: reason === "error" ? "failure" : "success",
    reason: reason === "error" ? "the model returned an error" : undefined,
    result: {
      text: parts.map((part) => (part?.type === "text" ? part.text : "")).join(""),
      tool_calls: parts
        .filter((part) => part?.type === "tool-call")
        .map(({ toolName, input }) => ({ name: toolName, input })),
      finish_reason: reason,
    },
  };
}

/** Passes a stream on unchanged, and records the call when it ends, fails, or is canceled. */
function observed(stream: ReadableStream<unknown>, open: OpenCall): ReadableStream<unknown> {
  const reader = stream.getReader();
  const content: object[] = [];
  let end: CallEnd = { reason: "the stream ended early" };
  const observe = (part: unknown) => {
    switch (field(part, "type")) {
      case "text-delta":
        content.push({ type: "text", text: field(part, "delta") });
        break;
      case "tool-call":
        content.push(part as object);
        break;
      case "error":
        end = failedWith(field(part, "error"));
        break;
      case "finish":
        end = end.outcome === "failure" ? end : answered(content, field(part, "finishReason"));
        break;
    }
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          await open.end(end);
          controller.close();
        } else {
          observe(value);
          controller.enqueue(value);
        }
      } catch (error) {
        await open.end(failedWith(error)).catch(() => {});
        controller.error(error);
      }
    },
    async cancel(reason) {
      await open.end({ reason: "the caller stopped reading the answer" }).catch(() => {});
      await reader.cancel(reason);
    },
  });
}
