/** Writers to a shared bucket. */

import { type Bucket, r2Transport } from "../../packages/countersign/dist/transport/r2.js";
import type { StoringTransport } from "../../packages/countersign/dist/transport/transport.js";

interface Env {
  BUCKET: Bucket & { delete(key: string): Promise<void>; put(key: string, value: string): Promise<object | null> };
}

const writers = new Map<string, StoringTransport>();
/** Number of responses of the bucket to lose after the operation. */
let lost = 0;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get("writer") ?? "";
    const prefix = searchParams.get("prefix") ?? "";
    const writer = writers.get(name) ?? r2Transport(forgetful(env.BUCKET), { prefix });
    writers.set(name, writer);
    switch (pathname) {
      case "/begun":
        return Response.json(await writer.begun());
      case "/write":
        lost = Number(searchParams.get("lost"));
        try {
          await writer.write(new Uint8Array(await request.arrayBuffer()));
          return Response.json("written");
        } catch (error) {
          return Response.json((error as Error).message);
        }
      case "/objects": {
        const keys: string[] = [];
        for (let cursor: string | undefined, more = true; more; ) {
          const page = await env.BUCKET.list({ prefix, ...(cursor === undefined ? {} : { cursor }) });
          keys.push(...page.objects.map(({ key }) => key));
          cursor = page.cursor;
          more = page.truncated;
        }
        const objects = keys.slice(Number(searchParams.get("after"))).map(async (key) => {
          const object = await env.BUCKET.get(key);
          return [key, object === null ? "" : new TextDecoder().decode(await object.arrayBuffer())];
        });
        return Response.json(await Promise.all(objects));
      }
      case "/put":
        await Promise.all((await request.text()).split("\n").map((key) => env.BUCKET.put(key, "there\n")));
        return Response.json(null);
      default:
        return new Response(null, { status: 404 });
    }
  },
};

function forgetful(bucket: Bucket): Bucket {
  return {
    get: (key) => bucket.get(key),
    list: (options) => bucket.list(options),
    async put(key, value, options) {
      const stored = await bucket.put(key, value, options);
      if (lost > 0) {
        lost -= 1;
        throw new Error("no answer");
      }
      return stored;
    },
  };
}
