import { CountersignLog as Log, type LogEnv, type LogSettings, logHandler } from "@countersign/cloudflare-log";
import { initSync, Log as Wasm } from "../../packages/cloudflare-log/out/wasm/log.js";

/** The exports of the WebAssembly instance. */
const exported = () => initSync({ module: new Uint8Array() });

/** The functions that `/stop/<name>` makes trap once. */
const parts: Record<string, [object, string]> = {
  answer: [Wasm.prototype, "answer"],
  nextStep: [Wasm.prototype, "nextStep"],
  piece: [Wasm.prototype, "piece"],
  copy: [Wasm.prototype, "toCopy"],
};

function stop(part: string): void {
  const [of, name] = parts[part] ?? [{}, ""];
  const was = Object.getOwnPropertyDescriptor(of, name) ?? {};
  const value = () => {
    Object.defineProperty(of, name, was);
    throw new WebAssembly.RuntimeError("unreachable");
  };
  Object.defineProperty(of, name, { value, configurable: true });
}

/** A log whose WebAssembly traps on request, and that reports the outcome. */
export class CountersignLog extends Log<LogEnv> {
  static #before: unknown;
  static #broken = false;

  override async fetch(request: Request): Promise<Response> {
    const [, order, part = ""] =
      /^\/(exhaust|stop|renewed|break|alarm|rest)(?:\/(.*))?$/.exec(new URL(request.url).pathname) ?? [];
    switch (order) {
      case "exhaust":
        CountersignLog.#before = exported();
        exhaust(exported().memory);
        return Response.json(null);
      case "stop":
        CountersignLog.#before = exported();
        stop(part);
        return Response.json(null);
      case "renewed":
        return Response.json(CountersignLog.#before !== exported());
      case "break":
        CountersignLog.#broken = part === "on";
        return Response.json(null);
      case "rest":
        await storage(this.ctx).deleteAlarm();
        await this.ctx.storage.sync();
        this.ctx.abort("it rests");
        return Response.json(null);
      case "alarm":
        if (part === "now") {
          await storage(this.ctx).deleteAlarm();
          await this.alarm();
        }
        return Response.json(await this.ctx.storage.getAlarm());
      default:
        return super.fetch(request);
    }
  }

  override settings(): LogSettings {
    if (CountersignLog.#broken) {
      throw new Error("there are no settings");
    }
    return super.settings();
  }
}

const storage = ({ storage }: { storage: object }) => storage as { deleteAlarm(): Promise<void> };

/** Allocates all available memory. */
function exhaust(memory: WebAssembly.Memory): void {
  try {
    for (;;) {
      memory.grow(16);
    }
  } catch {
    // Out of memory.
  }
}

export default logHandler({ log: (request) => request.headers.get("x-log") ?? undefined });
