import { exports } from "virtual:gallery";
import { unpack } from "../src/unpack.ts";

/** An export that a state shows, with the reader's other input. */
export interface Example {
  readonly file: File;
  readonly trust: string | undefined;
  readonly pins: readonly string[];
  readonly expect: Expected | undefined;
}

/** The reader's expectations of an export, besides that it verifies. */
export interface Expected {
  readonly origin?: string;
  readonly range?: readonly [number, number];
  readonly maxAgeMs?: number;
  readonly now?: Date;
}

/** An export as packed by `build/exports.ts`. */
interface Packed {
  readonly file: string;
  /** Base64. */
  readonly bytes: string;
  readonly trust?: string;
  readonly pins: readonly string[];
  readonly expect?: Omit<Expected, "now"> & { readonly now?: string };
}

let all: Promise<Readonly<Record<string, Packed>>> | undefined;

/** Returns a conformance vector, or an export recorded for the gallery. */
export async function example(name: string): Promise<Example> {
  all ??= unpack(exports).then(async (text) => JSON.parse(await text.text()));
  const packed = (await all)[name];
  if (packed === undefined) throw new Error(`the gallery has no export named ${name}`);
  const { file, bytes, trust, pins, expect } = packed;
  const { now, ...rest } = expect ?? {};
  return {
    file: new File([Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0))], file),
    trust,
    pins,
    expect: expect && { ...rest, ...(now !== undefined && { now: new Date(now) }) },
  };
}

/** Returns the lines of an export. */
export async function linesOf(name: string): Promise<readonly string[]> {
  const { file } = await example(name);
  return (await file.text()).trimEnd().split("\n");
}

/** Returns the first lines of an export. */
export async function beginning(name: string, lines: number): Promise<string> {
  return (await linesOf(name)).slice(0, lines).join("\n");
}
