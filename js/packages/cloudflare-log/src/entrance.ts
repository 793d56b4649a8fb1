/**
 * Limits clients whose requests are rejected. Rejections take time on the log's only thread, so they are answered at a
 * limited rate, and a client with many waiting rejections is turned away before the log is involved. Accepted requests
 * never wait.
 */

/** Milliseconds between two rejections. */
const INTERVAL_MS = 40;
/**
 * Number of rejections answered immediately after a pause, so that a client with a wrong key gets its error at once.
 */
const BURST = 200;
/** Maximum number of waiting rejections; any more are answered immediately. */
const MAX_WAITING = 256;
/** A client with this many waiting rejections is turned away while the maximum is waiting. */
const MAX_PER_CLIENT = 16;
/** Maximum number of a client's requests that the log hasn't answered yet, whether it rejects them or not. */
const MAX_OPEN_PER_CLIENT = 1024;

/**
 * The rejections waiting in this isolate. Kept without timers or references to requests, because clients may disconnect
 * at any time.
 */
export class Entrance {
  /** Waiting rejections in the order of their due times. */
  #waiting: { client: string; due: number }[] = [];
  #due = 0;
  /** The number of each client's requests that the log hasn't answered yet. */
  readonly #open = new Map<string, number>();

  /**
   * True if requests of this client are turned away unread. Open requests of clients with waiting rejections count as
   * such, because the log is likely to reject them, too.
   */
  turnsAway(client: string, now: number): boolean {
    const open = this.#openOf(client);
    if (open >= MAX_OPEN_PER_CLIENT) {
      return true;
    }
    const waiting = this.#waitingAt(now).map((refusal) => refusal.client);
    const own = waiting.filter((other) => other === client).length;
    const all = [...new Set(waiting)].reduce((sum, other) => sum + this.#openOf(other), waiting.length);
    return own > 0 && all >= MAX_WAITING && own + open >= MAX_PER_CLIENT;
  }

  /** Counts a request as open until the work has ended. */
  async during<T>(client: string, work: () => Promise<T>): Promise<T> {
    this.#open.set(client, this.#openOf(client) + 1);
    try {
      return await work();
    } finally {
      const open = this.#openOf(client) - 1;
      if (open === 0) {
        this.#open.delete(client);
      } else {
        this.#open.set(client, open);
      }
    }
  }

  /** Returns the milliseconds that a rejection of this client must wait. */
  wait(client: string, now: number): number {
    if (this.#waitingAt(now).length >= MAX_WAITING) {
      return 0;
    }
    this.#due = Math.max(this.#due, now - BURST * INTERVAL_MS) + INTERVAL_MS;
    if (this.#due <= now) {
      return 0;
    }
    this.#waiting.push({ client, due: this.#due });
    return this.#due - now;
  }

  /** Returns the seconds until another rejection can wait. */
  roomIn(now: number): number {
    const [first] = this.#waitingAt(now);
    return first === undefined ? 1 : Math.max(1, Math.ceil((first.due - now) / 1000));
  }

  #openOf(client: string): number {
    return this.#open.get(client) ?? 0;
  }

  #waitingAt(now: number): readonly { client: string; due: number }[] {
    const over = this.#waiting.findIndex(({ due }) => due > now);
    this.#waiting = over === -1 ? [] : this.#waiting.slice(over);
    return this.#waiting;
  }
}

/**
 * Returns the client according to the platform: an IPv4 address, or the /64 of an IPv6 address. Other Workers of the
 * account count as one client.
 */
export function clientOf(request: Request): string {
  const address = request.headers.get("cf-connecting-ip") ?? "";
  if (!address.includes(":")) {
    return address;
  }
  const [before = "", after] = address.split("::");
  const groups = before === "" ? [] : before.split(":");
  const rest = after === undefined || after === "" ? [] : after.split(":");
  const zeros = after === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  return [...groups, ...Array<string>(zeros).fill("0"), ...rest].slice(0, 4).join(":");
}
