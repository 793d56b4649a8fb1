/** The lies of an operator, and what each client must report about them. */

import { type ClientName, OLDER } from "./clients.ts";
import type { Lie, OperatorLog } from "./log.ts";
import { FIRST_TICK, SECOND_WITNESS } from "./root-log.ts";

/** A client's visit: the newest tick at that time, and when that is. */
export type Visit = readonly [tick: number, when: string];

/** The report that a client must make at a visit. */
export interface Expected {
  readonly status: number;
  /** One of the codes that it reports. */
  readonly code: string;
}

/** The reports that a client must make. */
export interface Cell {
  /** The words in the table. */
  readonly words: string;
  /** The visits at which it reports something, by their words. At all earlier visits, it reports nothing. */
  readonly expected: Readonly<Record<string, Expected>>;
  /** True if it reports the same at all later visits. */
  readonly stays: boolean;
}

export interface Row {
  readonly lie: string;
  readonly operator: Lie;
  readonly visits: readonly Visit[];
  /** True if the application records an event between two visits. */
  readonly grows?: boolean;
  /** Clients without a cell don't visit the log. */
  readonly cells: Readonly<Partial<Record<ClientName, Cell>>>;
}

/** Returns the cell of a client that reports nothing. */
const reportsNothing = (words: string): Cell => ({ words, expected: {}, stays: false });

const NOTHING = reportsNothing("nothing to report");

const cannot = (why: string) => reportsNothing(`can't: ${why}`);

/** Returns the cell of a client that reports the lie. */
function notices(when: string, code: string, status = 1): Cell {
  return { words: `${when}: \`${code}\``, expected: { [when]: { status, code } }, stays: false };
}

/** Returns the cell of a client that reports the lie at all later visits too. */
const lasting = ({ words, ...cell }: Cell): Cell => ({ ...cell, words: `${words}, from then on`, stays: true });

const BEFORE = "before";
const OLDER_HEAD = "with an older head";
const IMMEDIATELY = "immediately";
const NEXT_ANCHOR = "at the next anchor";

/** Returns the cell of a client that reports an older head before. */
const after = (older: Expected, { expected, ...cell }: Cell): Cell => ({
  ...cell,
  expected: { [OLDER_HEAD]: older, ...expected },
});

/** Ticks at which clients visit the log. The first anchor, at tick 4095, is between `SECOND` and `THIRD`. */
const [FIRST, SECOND, THIRD, FOURTH] = [FIRST_TICK + 2, FIRST_TICK + 6, FIRST_TICK + 16, FIRST_TICK + 20] as const;
const ANCHOR = 4_095;
/** Visits before an anchor, before and after the lie, and after the anchor. */
const BEFORE_AND_AFTER: readonly Visit[] = [
  [FIRST, BEFORE],
  [SECOND, IMMEDIATELY],
  [THIRD, NEXT_ANCHOR],
];
/** Visits after an anchor, before and after the lie. */
const AFTER_AN_ANCHOR: readonly Visit[] = [
  [THIRD, BEFORE],
  [FOURTH, IMMEDIATELY],
];
/** Visits before an anchor, and after it. */
const AROUND_AN_ANCHOR: readonly Visit[] = [
  [FIRST, BEFORE],
  [THIRD, IMMEDIATELY],
];

/** Returns the forged log, or the honest one. */
const historyIf = (isForged: boolean, log: OperatorLog) => log.history(isForged ? log.forged : log.honest);

export const ROWS: readonly Row[] = [
  {
    lie: "none: an honest log server",
    operator: {},
    visits: BEFORE_AND_AFTER,
    grows: true,
    cells: {
      verify: NOTHING,
      "verify with a pin": NOTHING,
      monitor: NOTHING,
      record: NOTHING,
      "monitor --all-tenants": NOTHING,
      check: NOTHING,
      "check with a pin": NOTHING,
    },
  },
  {
    lie: "two histories at alternating ticks, one for each client",
    operator: {
      history: (tick, log) => historyIf(tick % 2 === 1, log),
      shows: (tick) => tick % 2 === 0,
    },
    visits: BEFORE_AND_AFTER,
    cells: {
      verify: notices(NEXT_ANCHOR, "append_only.rewritten"),
      "verify with a pin": notices(NEXT_ANCHOR, "append_only.rewritten"),
      monitor: notices(NEXT_ANCHOR, "append_only.split_view"),
      record: notices(NEXT_ANCHOR, "log.rewritten"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.rewritten"),
    },
  },
  {
    lie: "another history at anchors only",
    operator: { history: (tick, log) => historyIf(tick === ANCHOR, log) },
    visits: [...BEFORE_AND_AFTER, [FOURTH, "later"]],
    cells: {
      verify: notices(NEXT_ANCHOR, "append_only.rewritten"),
      "verify with a pin": notices(NEXT_ANCHOR, "append_only.rewritten"),
      monitor: lasting(notices(NEXT_ANCHOR, "append_only.split_view")),
      record: lasting(notices(NEXT_ANCHOR, "log.rewritten")),
      "monitor --all-tenants": lasting(notices(NEXT_ANCHOR, "growth.rewritten")),
    },
  },
  {
    lie: "a rewritten entry that an anchor contains",
    operator: { history: (tick, log) => historyIf(tick >= FOURTH, log) },
    visits: AFTER_AN_ANCHOR,
    cells: {
      verify: notices(IMMEDIATELY, "append_only.rewritten"),
      "verify with a pin": notices(IMMEDIATELY, "append_only.split_view"),
      monitor: notices(IMMEDIATELY, "append_only.split_view"),
      record: notices(IMMEDIATELY, "proof.invalid"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.rewritten"),
    },
  },
  {
    lie: "the same, before the client's first visit",
    operator: { history: (tick, log) => historyIf(tick > ANCHOR, log) },
    visits: [[THIRD, IMMEDIATELY]],
    cells: {
      verify: notices(IMMEDIATELY, "append_only.rewritten"),
      monitor: notices(IMMEDIATELY, "append_only.split_view"),
      record: notices(IMMEDIATELY, "proof.invalid"),
      "monitor --all-tenants": cannot("began later"),
    },
  },
  {
    lie: "a rewritten entry that no anchor contains yet",
    operator: { history: (tick, log) => historyIf(tick >= SECOND, log) },
    visits: BEFORE_AND_AFTER,
    cells: {
      verify: cannot("needs a pin"),
      "verify with a pin": notices(IMMEDIATELY, "append_only.split_view"),
      monitor: notices(IMMEDIATELY, "append_only.split_view"),
      record: notices(IMMEDIATELY, "proof.invalid"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.rewritten"),
    },
  },
  {
    lie: "the same, undone before the client's next visit",
    operator: { history: (tick, log) => historyIf(tick === SECOND - 1, log) },
    visits: BEFORE_AND_AFTER,
    cells: {
      verify: cannot("was undone"),
      "verify with a pin": cannot("was undone"),
      monitor: cannot("was undone"),
      record: cannot("was undone"),
      "monitor --all-tenants": lasting(notices(IMMEDIATELY, "growth.rewritten")),
    },
  },
  {
    lie: "the same, undone after the client's next visit",
    operator: { history: (_, log) => historyIf(log.visit === 1, log) },
    visits: BEFORE_AND_AFTER,
    cells: {
      verify: cannot("needs a pin"),
      "verify with a pin": notices(IMMEDIATELY, "append_only.split_view"),
      monitor: lasting(notices(IMMEDIATELY, "append_only.split_view")),
      record: notices(IMMEDIATELY, "proof.invalid"),
      "monitor --all-tenants": lasting(notices(IMMEDIATELY, "growth.rewritten")),
    },
  },
  {
    lie: "a head with fewer entries",
    operator: { history: (tick, log) => log.history(log.honest.slice(0, tick >= FOURTH ? 3 : undefined)) },
    visits: AFTER_AN_ANCHOR,
    cells: {
      verify: notices(IMMEDIATELY, "head.order"),
      "verify with a pin": notices(IMMEDIATELY, "head.order"),
      monitor: notices(IMMEDIATELY, "head.order"),
      record: notices(IMMEDIATELY, "log.rewritten"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.shortened"),
    },
  },
  {
    lie: "an older head",
    operator: { shows: (tick, { visit }) => visit === 0 || tick <= ANCHOR + 1 },
    visits: AFTER_AN_ANCHOR,
    cells: {
      verify: cannot("needs a pin"),
      "verify with a pin": { ...notices(IMMEDIATELY, OLDER, 0), words: `${IMMEDIATELY}: older than the pin` },
      monitor: notices(IMMEDIATELY, "append_only.behind", 5),
      record: notices(IMMEDIATELY, "proof.invalid"),
    },
  },
  {
    lie: "the same, and then an ended log that is live again",
    operator: {
      history: (tick, log) => log.history(log.honest, tick === FIRST ? "ended" : "live"),
      shows: (tick, { visit }) => visit !== 1 || tick < FIRST,
    },
    visits: [
      [FIRST, BEFORE],
      [FIRST, OLDER_HEAD],
      [SECOND, IMMEDIATELY],
    ],
    cells: {
      verify: cannot("needs a pin"),
      "verify with a pin": after({ status: 0, code: OLDER }, notices(IMMEDIATELY, "head.order")),
      monitor: after({ status: 5, code: "append_only.behind" }, notices(IMMEDIATELY, "head.order")),
    },
  },
  {
    lie: "an ended log that is live again",
    operator: { history: (tick, log) => log.history(log.honest, tick > SECOND && tick < THIRD ? "ended" : "live") },
    visits: AROUND_AN_ANCHOR,
    cells: {
      verify: notices(IMMEDIATELY, "head.order"),
      "verify with a pin": notices(IMMEDIATELY, "head.order"),
      monitor: notices(IMMEDIATELY, "append_only.split_view"),
      record: notices(IMMEDIATELY, "log.rewritten"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.reopened"),
    },
  },
  {
    lie: "an ended log with another entry",
    operator: {
      history: (tick, log) => log.history(log.honest.slice(0, tick < THIRD ? 7 : 8), tick > SECOND ? "ended" : "live"),
    },
    visits: AROUND_AN_ANCHOR,
    cells: {
      verify: notices(IMMEDIATELY, "head.order"),
      "verify with a pin": notices(IMMEDIATELY, "head.order"),
      monitor: notices(IMMEDIATELY, "append_only.split_view"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.reopened"),
    },
  },
  {
    lie: "a log that starts again from its first entry",
    operator: {
      history: (tick, log) => log.history(tick >= FOURTH ? log.other.slice(0, 4) : log.honest),
      hidesAnchors: ({ visit }) => visit === 1,
    },
    visits: AFTER_AN_ANCHOR,
    cells: {
      verify: notices(IMMEDIATELY, "append_only.anchor", 5),
      "verify with a pin": notices(IMMEDIATELY, "head.order"),
      monitor: notices(IMMEDIATELY, "head.order"),
      record: notices(IMMEDIATELY, "log.rewritten"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.shortened"),
    },
  },
  {
    lie: "no anchors in exports and answers",
    operator: { hidesAnchors: () => true },
    visits: AROUND_AN_ANCHOR,
    cells: {
      verify: notices(IMMEDIATELY, "append_only.anchor", 5),
      "verify with a pin": notices(IMMEDIATELY, "append_only.anchor", 5),
      monitor: notices(IMMEDIATELY, "append_only.anchor", 5),
      record: notices(IMMEDIATELY, "proof.invalid"),
    },
  },
  {
    lie: "another root log, at the same tick",
    operator: { rewritesRoot: ({ visit }) => visit === 1 },
    visits: [
      [FIRST, BEFORE],
      [FIRST, IMMEDIATELY],
    ],
    cells: {
      verify: cannot("needs a pin"),
      "verify with a pin": notices(IMMEDIATELY, "head.split"),
      monitor: notices(IMMEDIATELY, "head.split"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.split"),
      check: cannot("needs a pin"),
      "check with a pin": notices(IMMEDIATELY, "append_only.split_view"),
    },
  },
  {
    lie: "another root log, at a later tick",
    operator: { rewritesRoot: ({ visit }) => visit === 1 },
    visits: [
      [FIRST, BEFORE],
      [SECOND, IMMEDIATELY],
    ],
    cells: {
      verify: cannot("needs witnesses"),
      "verify with a pin": cannot("needs witnesses"),
      monitor: cannot("needs witnesses"),
      record: cannot("needs witnesses"),
      "monitor --all-tenants": notices(IMMEDIATELY, "growth.directory"),
      check: cannot("needs a pin"),
      "check with a pin": notices(IMMEDIATELY, "append_only.split_view"),
    },
  },
  {
    lie: "an invalid cosignature among valid signatures",
    operator: { signatures: (text) => SECOND_WITNESS.cosignature(`${text}\n`, 1) },
    visits: [[FIRST, IMMEDIATELY]],
    cells: {
      verify: notices(IMMEDIATELY, "witness.signature"),
      "verify with a pin": notices(IMMEDIATELY, "witness.signature"),
      monitor: notices(IMMEDIATELY, "witness.signature"),
      record: notices(IMMEDIATELY, "proof.invalid"),
      check: notices(IMMEDIATELY, "witness.signature"),
      "check with a pin": notices(IMMEDIATELY, "witness.signature"),
    },
  },
  {
    lie: "a changed entry, and a tile that is a byte too long",
    operator: {
      tile: (path, bytes) => {
        if (path.startsWith("tile/entries/000")) {
          return bytes.fill("?", 10, 11);
        }
        return path === "tile/0/000" ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes;
      },
    },
    visits: [[FIRST, IMMEDIATELY]],
    cells: {
      monitor: notices(IMMEDIATELY, "tile.hash"),
      check: notices(IMMEDIATELY, "tile.malformed"),
      "check with a pin": notices(IMMEDIATELY, "tile.malformed"),
    },
  },
];
