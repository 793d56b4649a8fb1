/** The adapter for tools of the Vercel AI SDK. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import { type AgentCall, endOfResult, failedWith } from "../call.js";
import type { AgentOptions } from "../options.js";
import { AgentRecording } from "../recording.js";
import { auditedFunction, mustBeKnown, throwRefusal, withFields } from "../tool-function.js";

/** The AI SDK's options of a tool execution, which callbacks receive. */
export interface AiToolContext {
  readonly toolCallId: string;
  readonly abortSignal?: AbortSignal | undefined;
  /** The value of `toolsContext` for the tool. */
  readonly context?: unknown;
}

/** The kinds of tools whose `execute` the AI SDK calls with the input first, and its options second. */
const KINDS: readonly unknown[] = [undefined, "function", "dynamic", "provider"];

/** The name of the AI SDK in events. */
export const FRAMEWORK = "ai-sdk";

/**
 * Returns a set of tools of the AI SDK, of which each call is recorded. With the option `gate`, calls that the gate
 * refuses fail with an error that the model sees. Tools that the provider or a page runs have no `execute`, and the SDK
 * replaces that of `toolSearch` and of tool callers; name them in the option `ungated`.
 *
 * @example
 * ```ts
 * await generateText({ model, prompt, tools: auditTools(audit, { deleteJob }, { agent: "support-bot" }) });
 * ```
 */
export function auditTools<Tools extends object>(
  audit: Audit,
  tools: Tools,
  options: AgentOptions<AiToolContext> = {},
): Tools {
  const hint = "call auditTools(audit, { name: tool({ … }) }, options)";
  must(
    typeof tools === "object" && tools !== null && !Array.isArray(tools),
    "tools",
    "`tools` must be an object",
    hint,
  );
  const recording = new AgentRecording<AiToolContext>(audit, FRAMEWORK, options);
  const entries = Object.entries(tools).map(([name, tool]: [string, { execute?: unknown }]) => {
    if (recording.isUngated(name)) {
      return [name, tool];
    }
    const execute = field(tool, "execute");
    const runsHere = typeof execute === "function" && field(tool, "isProviderExecuted") !== true;
    mustBeKnown(runsHere && KINDS.includes(field(tool, "type")) && !isMarked(tool), name);
    return [name, withFields(tool, { execute: audited(recording, name, execute as () => unknown) })];
  });
  return Object.fromEntries(entries);
}

/**
 * True if the SDK may run another function than `execute`, as for tool searches and tool callers. It marks them with
 * fields that tools otherwise don't have: symbols, or fields that aren't enumerable.
 */
function isMarked(tool: object): boolean {
  const fields = Object.getOwnPropertyDescriptors(tool);
  return Reflect.ownKeys(fields).some(
    (name) => typeof name === "symbol" || fields[name as never]?.enumerable === false,
  );
}

// biome-ignore lint/complexity/noBannedTypes: it is only called.
function audited(recording: AgentRecording<AiToolContext>, name: string, execute: Function): unknown {
  const callOf = ([input, context]: readonly unknown[]): AgentCall<AiToolContext> => {
    const source = Object(context) as AiToolContext;
    return {
      action: "tool.call",
      source,
      name,
      callId: source.toolCallId,
      arguments: input,
      origin: {},
      signal: source.abortSignal,
    };
  };
  // The SDK must know at once whether the tool streams.
  if (Object.prototype.toString.call(execute) === "[object AsyncGeneratorFunction]") {
    return async function* (this: unknown, ...args: unknown[]) {
      yield* streamed(recording, callOf(args), () => Reflect.apply(execute, this, args));
    };
  }
  const run = async function (this: unknown, ...args: unknown[]) {
    return lastOf(await Reflect.apply(execute, this, args));
  };
  return auditedFunction(recording, run, { callOf, refused: throwRefusal });
}

/** Returns a value, or the last value of a stream, which is its result. */
async function lastOf(result: unknown): Promise<unknown> {
  if (typeof (result as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator] !== "function") {
    return result;
  }
  let last: unknown;
  for await (const value of result as AsyncIterable<unknown>) {
    last = value;
  }
  return last;
}

/** Passes on a tool's preliminary results, and records the call with the last one. */
async function* streamed(
  recording: AgentRecording<AiToolContext>,
  call: AgentCall<AiToolContext>,
  run: () => AsyncIterable<unknown>,
): AsyncGenerator<unknown> {
  const open = await recording.begin(call);
  if (open.refusal !== undefined) {
    await open.end({});
    throwRefusal(open.refusal);
  }
  let isOver = false;
  try {
    const values = open.within(() => run()[Symbol.asyncIterator]());
    let last: unknown;
    try {
      for (;;) {
        const { done, value } = await open.within(() => values.next());
        if (done === true) {
          break;
        }
        last = value;
        yield value;
      }
      isOver = true;
    } finally {
      if (!isOver) {
        await values.return?.();
      }
    }
    await open.end(endOfResult(last));
  } catch (error) {
    isOver = true;
    await open.end(failedWith(error));
    throw error;
  } finally {
    if (!isOver) {
      await open.end({ reason: "the caller stopped reading the result" });
    }
  }
}
