/** Tools that are functions, as most SDKs have them. */

import { must } from "../error.js";
import { type AgentCall, type CallEnd, type CallRefusal, endOfResult } from "./call.js";
import type { AgentRecording } from "./recording.js";

/** How an SDK calls a tool. */
export interface ToolFunction<Source> {
  /** Returns the call that these arguments of the function make. */
  readonly callOf: (args: readonly unknown[]) => AgentCall<Source>;
  /** Returns the end that a result stands for. */
  readonly endOf?: ((result: unknown) => CallEnd) | undefined;
  /** Returns the result of a refused call, or throws. */
  readonly refused: (refusal: CallRefusal) => unknown;
}

/** Returns a function that records each of its calls, and runs those that the gate lets pass. */
export function auditedFunction<Source>(
  recording: AgentRecording<Source>,
  run: unknown,
  { callOf, endOf = endOfResult, refused }: ToolFunction<Source>,
): (...args: unknown[]) => Promise<unknown> {
  return async function (this: unknown, ...args: unknown[]) {
    const work = () => Reflect.apply(run as (...args: unknown[]) => unknown, this, args);
    return recording.handle<unknown>(callOf(args), { work, endOf, refused });
  };
}

/** Returns a tool with other fields, of the same class and with the fields that aren't enumerable. */
export function withFields<Tool extends object>(tool: Tool, fields: object): Tool {
  const described: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(tool);
  for (const [name, value] of Object.entries(fields)) {
    const enumerable = described[name]?.enumerable ?? true;
    described[name] = { value, enumerable, configurable: true, writable: true };
  }
  return Object.create(Object.getPrototypeOf(tool), described);
}

/** Throws the refusal, for SDKs that show the model what a tool throws. */
export function throwRefusal({ message }: CallRefusal): never {
  throw new Error(message);
}

/**
 * Returns arguments that the model sent as JSON text; the text itself, as malformed, if it isn't valid JSON or repeats a
 * name. The tool may get the text, and read another one of the repeated values.
 */
export function parsedInput(input: unknown): Pick<AgentCall<unknown>, "arguments" | "malformed"> {
  if (typeof input !== "string") {
    return { arguments: input };
  }
  try {
    const parsed: unknown = JSON.parse(input);
    return countNames(JSON.stringify(parsed)) === countNames(input)
      ? { arguments: parsed }
      : { arguments: input, malformed: "the arguments repeat a name" };
  } catch {
    return { arguments: input, malformed: "the arguments are not JSON" };
  }
}

/** Returns the number of names of fields in JSON: the strings before colons. */
function countNames(json: string): number {
  return json.match(/"(?:[^"\\]|\\.)*"(?:\s*:)?/g)?.filter((text) => text.endsWith(":")).length ?? 0;
}

/**
 * Throws for a tool whose calls the adapter doesn't see, because it runs elsewhere or is of an unknown kind. The caller
 * must name such tools.
 */
export function mustBeKnown(isKnown: boolean, name: unknown): void {
  const shown = JSON.stringify(String(name).slice(0, 64));
  must(
    isKnown,
    "tools",
    `calls of the tool ${shown} can't be recorded or gated, because it runs elsewhere or is of an unknown kind`,
    `if that is intended, pass ungated: [${shown}]`,
  );
}
