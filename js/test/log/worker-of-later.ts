import { CountersignLog as Log, type LogSettings, logHandler } from "@countersign/cloudflare-log";

/** A log that records reads, with a clock that can be advanced (`/later/<milliseconds>`), which triggers its alarm. */
export class CountersignLog extends Log {
  #ahead = 0;

  protected override now(): number {
    return Date.now() + this.#ahead;
  }

  override settings(): LogSettings {
    return { ...super.settings(), recordReads: "all" };
  }

  override async fetch(request: Request): Promise<Response> {
    const [, ahead, rest] = /^\/(?:later\/([0-9]+)|(rest))$/.exec(new URL(request.url).pathname) ?? [];
    if (rest !== undefined) {
      await this.ctx.storage.sync();
      this.ctx.abort("it rests");
    }
    if (ahead === undefined) {
      return super.fetch(request);
    }
    this.#ahead = Number(ahead);
    await this.alarm();
    return Response.json(await this.ctx.storage.getAlarm());
  }
}

export default logHandler();
