/** Runs of a recorder with its outbox in a Durable Object's storage: a `POST` starts one and streams its reports. */

import { durableObjectOutbox, type ObjectStorage } from "../../packages/countersign/dist/outbox/durable-object.js";
import { type Life, live } from "./scenario.ts";

export class Recording {
  readonly #storage: ObjectStorage;

  constructor({ storage }: { storage: ObjectStorage }) {
    this.#storage = storage;
  }

  async fetch(request: Request): Promise<Response> {
    const life = (await request.json()) as Life;
    const outbox = () => durableObjectOutbox(this.#storage);
    const said = new ReadableStream<Uint8Array>({
      start: async (stream) => {
        const say = (line: string) => stream.enqueue(new TextEncoder().encode(`${line}\n`));
        try {
          await live(life, { outbox, say });
          // The entries left by the previous run.
          const left = outbox();
          say(`left ${(await left.open()).length}`);
          left.close();
        } catch (error) {
          say(`failed ${error}`);
        }
        stream.close();
      },
    });
    return new Response(said);
  }
}

interface Environment {
  recordings: { getByName(name: string): { fetch(request: Request): Promise<Response> } };
}

export default {
  fetch: (request: Request, { recordings }: Environment) => recordings.getByName("one").fetch(request),
};
