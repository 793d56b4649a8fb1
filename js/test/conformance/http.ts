/** Requests as they stand: no client library tidies an address up, adds headers or decompresses an answer. */

import assert from "node:assert/strict";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

/** How long an answer may take before the test has failed anyway. */
const PATIENCE = 30_000;

/** How long the pieces are in which a body goes whose length is not told. */
const PIECE = 10_000;

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** What is asked, beside the address. */
export interface Ask {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Uint8Array;
  /** Sends the body in pieces, without telling how long it is. */
  chunked?: boolean;
}

/** An answer, whole. */
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

  /** Asserts that this is a refusal in the one form that all have, and gives what a program can go by. */
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

/** Sends a request and gives the answer as soon as its head is there. */
export function send(
  url: string,
  path: string,
  { method = "GET", headers = {}, body, chunked }: Ask = {},
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(url);
  const length = body === undefined || chunked ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    // A connection of its own: what one request does to it is no other's trouble.
    const asked = request({
      hostname,
      port,
      path,
      method,
      headers: { ...length, ...headers },
      agent: false,
      timeout: PATIENCE,
    });
    asked.on("response", resolve);
    asked.on("error", reject);
    asked.on("timeout", () => asked.destroy(new Error(`no answer to ${method} ${path}`)));
    if (chunked && body !== undefined) {
      const bytes = Buffer.from(body);
      for (let at = 0; at < bytes.length; at += PIECE) {
        asked.write(bytes.subarray(at, at + PIECE));
      }
      asked.end();
    } else {
      asked.end(body);
    }
  });
}

/** Sends a request and gives the whole answer. */
export async function ask(url: string, path: string, options?: Ask): Promise<Answer> {
  const answer = await send(url, path, options);
  const pieces: Buffer[] = [];
  for await (const piece of answer) {
    pieces.push(piece);
  }
  return new Answer(answer.statusCode ?? 0, answer.headers, Buffer.concat(pieces));
}
