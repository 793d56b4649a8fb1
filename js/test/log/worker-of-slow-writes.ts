import { CountersignLog as Log, type LogEnv, logHandler, type ObjectState } from "@countersign/cloudflare-log";

/** A log whose writes only become durable on request (`/durable`). `/awaited` returns how many writes are awaited. */
export class CountersignLog extends Log {
  #durable: (() => void)[] = [];

  constructor(ctx: ObjectState, env: LogEnv) {
    super(ctx, env);
    const { sql } = ctx.storage;
    const storage = {
      sql: { exec: (query: string, ...values: unknown[]) => sql.exec(query, ...values) },
      transactionSync: <T>(work: () => T) => ctx.storage.transactionSync(work),
      getAlarm: () => ctx.storage.getAlarm(),
      setAlarm: (time: number) => ctx.storage.setAlarm(time),
      sync: () => new Promise<void>((resolve) => this.#durable.push(resolve)),
    };
    Object.defineProperty(this, "ctx", { value: { id: ctx.id, storage, abort: () => ctx.abort() } });
  }

  override async fetch(request: Request): Promise<Response> {
    switch (new URL(request.url).pathname) {
      case "/durable":
        for (const resolve of this.#durable.splice(0)) {
          resolve();
        }
        return new Response(null, { status: 204 });
      case "/awaited":
        return Response.json(this.#durable.length);
      default:
        return super.fetch(request);
    }
  }
}

export default logHandler();
