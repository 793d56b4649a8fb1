/** A server in Deno or Bun that sends itself requests and prints the recorded ones. */

import { auditFetch } from "../../../packages/countersign/dist/adapters/fetch.js";
import { createRecorder, memory } from "../../../packages/countersign/dist/record/record.js";

/** The parts of both runtimes that are used. */
interface Runtimes {
  Deno?: {
    serve(
      options: object,
      handler: (request: Request) => Promise<Response>,
    ): { addr: { port: number }; shutdown(): Promise<void> };
  };
  Bun?: { serve(options: object): { port: number; stop(force: boolean): void } };
}

const exported = memory();
const audit = await createRecorder({
  key: "PRIVATE+KEY+example.com/e100+df90752e+AWRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRk",
  origin: "log.example",
  to: exported,
}).ready();

const handler = auditFetch(
  audit,
  async (request: Request) => new Response(await request.text(), { status: request.method === "POST" ? 201 : 404 }),
  { path: "actual" },
);

const { Deno, Bun } = globalThis as unknown as Runtimes;
const server = Deno?.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handler);
const bun = Bun?.serve({ port: 0, hostname: "127.0.0.1", fetch: handler });
const url = `http://127.0.0.1:${server?.addr.port ?? bun?.port}`;
const answer = await fetch(`${url}/jobs?token=x`, { method: "POST", body: "echo" });
const echo = await answer.text();
await (await fetch(`${url}/nowhere`)).text();
await server?.shutdown();
bun?.stop(true);
await audit.close();
const events = exported
  .text()
  .split("\n")
  .filter((line) => line !== "")
  .flatMap((line) => (JSON.parse(line) as { event?: { http: object } }).event ?? [])
  .map(({ http }) => ({ ...http, latency_ms: 0 }));
console.log(JSON.stringify({ echo, events }));
