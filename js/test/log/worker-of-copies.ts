import {
  type ExportBucket,
  CountersignLog as Log,
  type LogEnv,
  logHandler,
  type ObjectState,
} from "@countersign/cloudflare-log";

/** Operations of the exports bucket that fail; see `/fail`. */
let fails: string[] = [];
/** Responses held back until `/go`. */
let held: PromiseWithResolvers<void> | undefined;
/** Number of requested copies. */
let asked = 0;
/** Milliseconds added to the clock. */
let ahead = 0;
/** Reads an export inside the Worker, without buffering in between. */
let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
let text = "";

const can = (what: string) => {
  if (fails.includes(what)) {
    throw new Error(`R2 fails: ${what}`);
  }
};

function failing(bucket: ExportBucket): ExportBucket {
  return {
    async get(key) {
      asked += 1;
      can("get");
      const found = await bucket.get(key);
      return (
        found && {
          size: found.size,
          body: found.body,
          async arrayBuffer() {
            const bytes = await found.arrayBuffer();
            await held?.promise;
            can("body");
            return bytes;
          },
        }
      );
    },
    async put(key, value) {
      can("put");
      const put = await bucket.put(key, value);
      await held?.promise;
      can("put-late");
      return put;
    },
    async delete(keys) {
      can("delete");
      return bucket.delete(keys);
    },
  };
}

/** The parts of the storage that tests access. */
const storageOf = (ctx: object) =>
  (
    ctx as {
      storage: {
        sql: { exec(query: string): { toArray(): object[] } };
        getAlarm(): Promise<number | null>;
        deleteAlarm(): Promise<void>;
      };
    }
  ).storage;

/**
 * A log whose exports bucket fails on request: `/fail/<what>,<what>` with `get`, `body` (midway), `put`, `put-late`
 * (after the write), and `delete`.
 */
export class CountersignLog extends Log {
  constructor(ctx: ObjectState, env: LogEnv) {
    super(ctx, env.EXPORTS === undefined ? env : { ...env, EXPORTS: failing(env.EXPORTS) });
  }

  override now(): number {
    return super.now() + ahead;
  }

  override async fetch(request: Request): Promise<Response> {
    const [, order = "", what = ""] = /^\/test\/([a-z]+)\/?(.*)$/.exec(new URL(request.url).pathname) ?? [];
    switch (order) {
      case "":
        return super.fetch(request);
      case "fail":
        fails = what.split(",");
        return Response.json(null);
      case "hold":
        held = Promise.withResolvers();
        return Response.json(null);
      case "go":
        held?.resolve();
        held = undefined;
        return Response.json(null);
      case "ahead":
        ahead += Number(what);
        return Response.json(null);
      case "asked":
        return Response.json(asked);
      case "alarm":
        // Runs retries immediately.
        ahead += 10_000;
        await storageOf(this.ctx).deleteAlarm();
        await this.alarm();
        return Response.json(null);
      case "read": {
        const { body } = await super.fetch(new Request(new URL("/export", request.url), request));
        reader = body?.getReader();
        // The header, and part of the first copy.
        text = "";
        await further();
        await further();
        return Response.json(null);
      }
      case "rest":
        while (await further()) {
          // Read until the chunk ends.
        }
        return new Response(text);
      case "waits":
        return Response.json(await storageOf(this.ctx).getAlarm());
      default:
        return Response.json(
          storageOf(this.ctx)
            .sql.exec("SELECT start, size, name, hex(key) AS key, stored FROM export_copies")
            .toArray(),
        );
    }
  }
}

/** Reads a chunk. Returns true if there was one. */
async function further(): Promise<boolean> {
  const { done, value } = (await reader?.read()) ?? { done: true };
  text += new TextDecoder().decode(value);
  return !done;
}

export default logHandler();
