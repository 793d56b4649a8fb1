/** Sends raw requests: without normalized paths, added headers, and decompression. */

import assert from "node:assert/strict";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

/** Timeout of a response in milliseconds. */
const TIMEOUT_MS = 30_000;

/** Size of the chunks of a chunked body, in bytes. */
const CHUNK_BYTES = 10_000;

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Options of a request. */
export interface Ask {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Uint8Array;
  /** Sends the body in chunks, without its length. */
  chunked?: boolean;
}

/** A complete response. */
export class Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;

  constructor(status: number, headers: IncomingHttpHeaders, body: Buffer) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get text(): string {
    return this.body.toString();
  }

  get json(): { [name: string]: Json } {
    return JSON.parse(this.text);
  }

  /** Asserts that this is an error response, and returns the fields for programs. */
  refusal(status: number, code: string): { line?: number; member?: string } & { [name: string]: Json } {
    assert.deepEqual(
      [this.status, this.json.error && (this.json.error as { code: string }).code],
      [status, code],
      this.text,
    );
    const { error, ...beside } = this.json;
    const { message, hint, line, member, ...rest } = error as { [name: string]: Json };
    assert.deepEqual(rest, { code });
    assert.equal(typeof message, "string");
    assert.ok(hint === undefined || typeof hint === "string");
    assert.equal(this.headers["content-type"], "application/json");
    assert.equal(this.headers["cache-control"], "no-store");
    return {
      ...(line === undefined ? {} : { line: line as number }),
      ...(member === undefined ? {} : { member: member as string }),
      ...beside,
    };
  }
}

/** Sends a request and returns the response once its headers have arrived. */
export function send(
  url: string,
  path: string,
  { method = "GET", headers = {}, body, chunked }: Ask = {},
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url);
  const length = body === undefined || chunked ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    // Uses its own connection, so that requests don't affect each other.
    const sent = request({
      hostname,
      port,
      path,
      method,
      headers: { ...length, ...headers },
      agent: false,
      timeout: TIMEOUT_MS,
    });
    sent.on("response", resolve);
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path}`)));
    if (chunked && body !== undefined) {
      const bytes = Buffer.from(body);
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        sent.write(bytes.subarray(at, at + CHUNK_BYTES));
      }
      sent.end();
    } else {
      sent.end(body);
    }
  });
}

/** Sends a request and returns the complete response. */
export async function ask(url: string, path: string, options?: Ask): Promise<Answer> {
  const answer = await send(url, path, options);
  const pieces: Buffer[] = [];
  for await (const piece of answer) {
    pieces.push(piece);
  }
  return new Answer(answer.statusCode ?? 0, answer.headers, Buffer.concat(pieces));
}
