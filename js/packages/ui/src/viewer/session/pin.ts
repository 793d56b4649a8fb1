/** Pins, parsed for display and requests. Only the core verifies them. */

/** First line of a head proof (SPEC.md, section 16.4). */
const HEAD = "countersign/v1 head\n";

/** Number of the tick in the inclusion proof of a head. */
const TICK = /\n\nc2sp\.org\/tlog-proof@v1\nindex (\d{1,16})\n/;

/** End of a tenant log's origin, and of its address: its ID (SPEC.md, section 16.1). */
const TENANT = /\/t\/[0-9a-f]{32}$/;

/** The state of a log in a pin. */
export interface PinnedState {
  readonly origin: string;
  readonly size: number;
  /** Number of the tick, if the pin is a head proof. */
  readonly tick: number | undefined;
}

/** Returns the state in a pin; undefined if it is malformed. */
export function pinnedState(pin: string): PinnedState | undefined {
  const [, origin, size] = /^([^\n]+)\n(\d{1,16})\n/.exec(checkpointLines(pin)) ?? [];
  const [, tick] = (pin.startsWith(HEAD) && TICK.exec(pin)) || [];
  return origin === undefined
    ? undefined
    : { origin, size: Number(size), tick: tick === undefined ? undefined : Number(tick) };
}

/** Returns the origin of the root log of a tenant log; of another log, its own origin. */
export function rootOrigin(origin: string): string {
  return origin.replace(TENANT, "");
}

/** True if the text is the origin or the address of a tenant log. */
export function isTenant(text: string): boolean {
  return TENANT.test(text);
}

/** Returns the address of the newest state of the log with this origin or address, next to its export. */
export function stateAddress(log: string): "checkpoint" | "head" {
  return isTenant(log) ? "head" : "checkpoint";
}

/** Returns the lines of a pin from the origin on, with size and root hash next. A head proof has one line before them. */
export function checkpointLines(pin: string): string {
  return pin.startsWith(HEAD) ? pin.slice(HEAD.length) : pin;
}
