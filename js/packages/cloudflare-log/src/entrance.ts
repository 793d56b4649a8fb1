/**
 * Who waits before a log: it has one thread, on which whatever is refused costs time that others want. So refusals are
 * answered at a pace, and a client for whom many wait is turned away before the log is asked. Who is let in never waits.
 */

/** Milliseconds from one refusal to the next. */
const PACE = 40;
/** So many are answered at once after a rest: who has the wrong key learns of it without delay. */
const AT_ONCE = 200;
/** So many wait at one time; further ones are answered at once. */
const WAITING = 256;
/** While so many wait, a client that has so many of them is turned away. */
const OF_ONE_CLIENT = 16;

/** What waits before a log in this isolate. No timer and no request is needed to know it: a client may go away at any time. */
export class Entrance {
  /** Refusals that wait, in the order in which they are due. */
  #waiting: { client: string; due: number }[] = [];
  #due = 0;

  /** Whether what this client submits is turned away unread. */
  turnsAway(client: string, now: number): boolean {
    const waiting = this.#waitingAt(now);
    return waiting.length >= WAITING && waiting.filter((refusal) => refusal.client === client).length >= OF_ONE_CLIENT;
  }

  /** For how many milliseconds a refusal of what this client submitted is to wait. */
  wait(client: string, now: number): number {
    if (this.#waitingAt(now).length >= WAITING) {
      return 0;
    }
    this.#due = Math.max(this.#due, now - AT_ONCE * PACE) + PACE;
    if (this.#due <= now) {
      return 0;
    }
    this.#waiting.push({ client, due: this.#due });
    return this.#due - now;
  }

  /** In how many seconds there is room again. */
  roomIn(now: number): number {
    const [first] = this.#waitingAt(now);
    return first === undefined ? 1 : Math.max(1, Math.ceil((first.due - now) / 1000));
  }

  #waitingAt(now: number): readonly { client: string; due: number }[] {
    const over = this.#waiting.findIndex(({ due }) => due > now);
    this.#waiting = over === -1 ? [] : this.#waiting.slice(over);
    return this.#waiting;
  }
}

/** Who asks, as the platform says: an IPv4 address, or an IPv6 network of 64 bits. Other Workers of the account are one client. */
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
