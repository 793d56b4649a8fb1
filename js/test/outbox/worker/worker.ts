/** Durable Objects with outboxes: one with SQLite, one without. */

import { durableObjectOutbox, type ObjectStorage } from "../../../packages/countersign/dist/outbox/durable-object.js";
import type { Outbox } from "../../../packages/countersign/dist/outbox/outbox.js";
import { entry, failures, texts } from "../conformance.ts";

interface Context {
  storage: ObjectStorage & { deleteAll(): Promise<void> };
}

class Keeper {
  readonly #context: Context;
  #outbox: Outbox | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  #open(): Outbox {
    if (this.#outbox === undefined) {
      throw new Error("no outbox is open");
    }
    return this.#outbox;
  }

  async fetch(request: Request): Promise<Response> {
    const { storage } = this.#context;
    const { pathname, searchParams } = new URL(request.url);
    const from = Number(searchParams.get("from"));
    const to = Number(searchParams.get("to"));
    switch (pathname) {
      case "/conformance":
        return Response.json(
          await failures((nth) => () => durableObjectOutbox(storage, { name: `case ${nth}` }), { shared: false }),
        );
      case "/open":
        this.#outbox = durableObjectOutbox(storage);
        return Response.json(texts(await this.#outbox.open()));
      case "/open-again":
        return Response.json(texts(await durableObjectOutbox(storage).open()));
      case "/keys":
        return Response.json((await storage.list({ prefix: "countersign-outbox/" })).size);
      case "/write": {
        const put = Array.from({ length: to - from }, (_, nth) => entry(from + nth, `${from + nth}`));
        // Not open yet after a restart.
        await this.#open().write({ put, remove: searchParams.getAll("remove").map(Number) });
        return Response.json("written");
      }
      case "/unsure": {
        const waits = [() => Promise.reject(new Error("internal error")), () => storage.sync()];
        const outbox = durableObjectOutbox(
          {
            list: (options) => storage.list(options),
            put: (entries) => storage.put(entries),
            delete: (keys) => storage.delete(keys),
            sync: async () => waits.shift()?.(),
          },
          { name: "unsure" },
        );
        await outbox.open();
        const change = { put: [entry(1, "a")], remove: [] };
        const lines: string[] = [];
        for (let tries = 0; tries < 2; tries += 1) {
          const write = outbox.write(change).then(() => "written");
          lines.push(await write.catch(({ code }: { code: string }) => code));
        }
        await outbox.close();
        return Response.json([...lines, ...texts(await outbox.open())]);
      }
      case "/delete-all":
        await storage.deleteAll();
        return Response.json("deleted");
      default:
        return new Response(null, { status: 404 });
    }
  }
}

async function coded(work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    const { code, message, hint } = error as { code?: string; message: string; hint?: string };
    return Response.json({ code, message, hint }, { status: 500 });
  }
}

export class WithSqlite extends Keeper {
  override fetch = (request: Request) => coded(() => super.fetch(request));
}
export class WithoutSqlite extends WithSqlite {}

interface Namespace {
  getByName(name: string): { fetch(request: Request): Promise<Response> };
}

export default {
  fetch(request: Request, env: Record<string, Namespace>): Promise<Response> | Response {
    const kind = new URL(request.url).hostname;
    return env[kind]?.getByName("one").fetch(request) ?? new Response(null, { status: 404 });
  },
};
