import { CountersignLog as Log, type LogEnv, logHandler, type ObjectState } from "@countersign/cloudflare-log";

/** The number of the failing statement, counted from now; none if below 1. */
let fails = 0;

/** A log whose storage fails on request: `/fail/<statement>`. */
export class CountersignLog extends Log {
  constructor(ctx: ObjectState, env: LogEnv) {
    super(ctx, env);
    const { sql } = ctx.storage;
    const exec = (query: string, ...values: unknown[]) => {
      fails -= 1;
      if (fails === 0) {
        throw new Error("disk I/O error");
      }
      return sql.exec(query, ...values);
    };
    const storage = {
      sql: { exec },
      transactionSync: <T>(work: () => T) => ctx.storage.transactionSync(work),
      getAlarm: () => ctx.storage.getAlarm(),
      setAlarm: (time: number) => ctx.storage.setAlarm(time),
      sync: () => ctx.storage.sync(),
    };
    Object.defineProperty(this, "ctx", { value: { id: ctx.id, storage, abort: () => ctx.abort() } });
  }

  override async fetch(request: Request): Promise<Response> {
    const [, statement] = /\/fail\/(\d+)$/.exec(request.url) ?? [];
    if (statement === undefined) {
      return super.fetch(request);
    }
    fails = Number(statement);
    return new Response(null, { status: 204 });
  }
}

export default logHandler();
