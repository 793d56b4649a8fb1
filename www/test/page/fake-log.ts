import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

/** The page as a log serves it. */
export const SERVED_PAGE = fileURLToPath(new URL("../../dist/served.html", import.meta.url));

/** What answers `/export`. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server in a log's place: the page at `/`, and at `/export` what a test wants. */
export interface FakeLog {
  readonly address: string;
  /** Every request that was not for the page, in order. */
  readonly asked: IncomingMessage[];
  answer: Answer;
  close(): Promise<void>;
}

export async function fakeLog(): Promise<FakeLog> {
  const asked: IncomingMessage[] = [];
  const server = createServer(async (request, response) => {
    if (request.url === "/") {
      response
        .writeHead(200, { "Content-Type": "text/html; charset=utf-8" })
        .end(await readFile(SERVED_PAGE));
      return;
    }
    asked.push(request);
    if (request.url?.startsWith("/export")) log.answer(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const log: FakeLog = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    answer: (_request, response) => response.writeHead(500).end(),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
  return log;
}

/** Answers with an export. */
export function exported(content: string | Uint8Array, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(200, { "Content-Type": "application/x-ndjson", ...headers }).end(content);
  };
}

/** Answers with an error as a log does. */
export function problem(
  status: number,
  error: { code: string; message: string; hint?: string },
  headers: Record<string, string> = {},
): Answer {
  return (_request, response) => {
    response
      .writeHead(status, { "Content-Type": "application/json", ...headers })
      .end(JSON.stringify({ error }));
  };
}
