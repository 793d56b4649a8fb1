import {
  CountersignLog as Log,
  type LogEnv,
  type LogStorage,
  logHandler,
  type ObjectState,
} from "@countersign/cloudflare-log";

/** A log's storage, with what only tests use. */
type TestStorage = LogStorage & { deleteAlarm(): Promise<void> };

/**
 * A log with tenants whose clock can be advanced (`/test/ahead/<milliseconds>`), whose alarm can be run at once
 * (`/test/alarm`), and that can end as an idle object does (`/test/rest`). `/test/waits` returns the time of its alarm,
 * `/test/written` the number of rows written since the last such request, and `/test/fail/<statement>` has a statement
 * fail, counted from now.
 */
export class CountersignLog extends Log {
  static #ahead = 0;
  readonly #storage: TestStorage;
  #written = 0;
  #fails = 0;

  constructor(ctx: ObjectState, env: LogEnv) {
    super(ctx, env);
    const storage = ctx.storage as TestStorage;
    this.#storage = storage;
    const exec = (query: string, ...values: unknown[]) => {
      this.#fails -= 1;
      if (this.#fails === 0) {
        throw new Error("disk I/O error");
      }
      const cursor = storage.sql.exec(query, ...values);
      if (!/^\s*SELECT/.test(query)) {
        this.#written += cursor.rowsWritten;
      }
      return cursor;
    };
    const counting = {
      sql: { exec },
      transactionSync: <T>(work: () => T) => storage.transactionSync(work),
      getAlarm: () => storage.getAlarm(),
      setAlarm: (time: number) => storage.setAlarm(time),
      sync: () => storage.sync(),
    };
    Object.defineProperty(this, "ctx", {
      value: { id: ctx.id, storage: counting, abort: (reason: string) => ctx.abort(reason) },
    });
  }

  protected override now(): number {
    return Date.now() + CountersignLog.#ahead;
  }

  override async fetch(request: Request): Promise<Response> {
    const [, order = "", what = ""] = /^\/test\/([a-z]+)\/?(.*)$/.exec(new URL(request.url).pathname) ?? [];
    switch (order) {
      case "ahead":
        CountersignLog.#ahead += Number(what);
        return Response.json(null);
      case "alarm":
        await this.#storage.deleteAlarm();
        await this.alarm();
        return Response.json(await this.ctx.storage.getAlarm());
      case "waits":
        return Response.json(await this.ctx.storage.getAlarm());
      case "rest":
        await this.#storage.deleteAlarm();
        await this.#storage.sync();
        this.ctx.abort("it rests");
        return Response.json(null);
      case "written": {
        const written = this.#written;
        this.#written = 0;
        return Response.json(written);
      }
      case "fail":
        this.#fails = Number(what);
        return Response.json(null);
      default:
        return super.fetch(request);
    }
  }
}

export default logHandler();
