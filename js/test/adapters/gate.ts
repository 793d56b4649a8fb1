/** A log server behind a gateway that fails like networks do. */

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { verify } from "../conformance/program.ts";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, SETUP } from "../conformance/setup.ts";

/** The reason why no log can be run here, if any. */
export const skip = serve.skip;

/** The treatment of a request to the log. */
export type Fate =
  | "pass"
  /** No response ever comes. */
  | "hang"
  /** The log accepts it, and the response is lost. */
  | "lose the answer"
  | "fail";

/** An exported event with its time. */
export interface ExportedEvent {
  readonly time: string;
  readonly event: Readonly<Record<string, unknown>> & { readonly action: string };
}

export class GatedLog {
  /** The treatment of the next requests in order, and of all others. */
  fates: Fate[] = [];
  otherwise: Fate = "pass";
  /** Number of requests received. */
  asked = 0;
  readonly #server: Server;
  #log: Awaited<ReturnType<typeof serve.start>> | undefined;
  #waiting: (() => void)[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      this.asked += 1;
      for (const waiting of this.#waiting.splice(0)) {
        waiting();
      }
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<this> {
    this.#log = await serve.start(SETUP);
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the next request arrives. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#log?.close();
  }

  /** Returns all events, after the program has verified the log's export. */
  async events(): Promise<ExportedEvent[]> {
    const response = await fetch(`${this.#log?.url}/export`, { headers: { authorization: `Bearer ${AUDITOR}` } });
    assert.equal(response.status, 200);
    const text = await response.text();
    const all = text
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => events(JSON.parse(line)));
    if (all.length > 0) {
      const report = await verify(text);
      assert.equal(report.verdict, "verified", JSON.stringify(report.findings));
    }
    return all;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fate = this.fates.shift() ?? this.otherwise;
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    if (fate === "hang") {
      return;
    }
    if (fate === "fail") {
      response.writeHead(503).end();
      return;
    }
    const answer = await fetch(`${this.#log?.url}${request.url}`, {
      method: request.method ?? "GET",
      headers: { authorization: request.headers.authorization ?? "" },
      body: chunks.length === 0 ? null : Buffer.concat(chunks),
    });
    const body = await answer.text();
    if (fate === "lose the answer") {
      response.destroy();
      return;
    }
    // The body was decoded.
    const { "content-encoding": _, "content-length": __, ...headers } = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, headers).end(body);
  }
}

function events(line: { event?: ExportedEvent["event"]; link?: string }): ExportedEvent[] {
  // The fifth word of a link is its time (SPEC section 2).
  const [, , , , time = ""] = line.link?.split(" ") ?? [];
  return line.event === undefined ? [] : [{ time, event: line.event }];
}
