import { Glob } from "./glob.js";
import { bitOf, ELSE, FAILS, IS_GAP, isNear, type Masks, NEVER, NO_EVENT, UNREAD } from "./masks.js";
import { Needle } from "./needle.js";
import { BLOCK, type Block, type Numbers } from "./numbers.js";
import { someAt } from "./path.js";
import { pieces } from "./pattern.js";
import { EventReader } from "./reader.js";
import { Clue, type Sieve } from "./sieve.js";
import { COLUMNS, EVENT, GAP, type Table, WITHHELD } from "./table.js";
import type { Column, Condition, Query } from "./types.js";
import { Unescaper } from "./utf8.js";
import { FITS, NO, UNSURE, Verdicts, YES } from "./verdicts.js";

/** A condition on a column. */
interface OnColumn {
  readonly column: Column;
  readonly bit: number;
  readonly not: boolean;
  readonly globs: readonly Glob[];
  readonly values: Verdicts;
  readonly names: Verdicts | undefined;
}

/** A condition on any other member. */
interface OnPath {
  readonly path: string;
  readonly not: boolean;
  readonly globs: readonly Glob[];
  /** What stands in an event where one of the values is found: all of one of these. */
  readonly texts: readonly (readonly Needle[])[];
  readonly clues: readonly (readonly Clue[])[];
}

/** Text that stands anywhere. */
interface Word {
  readonly needle: Needle;
  readonly clue: Clue;
}

/** Columns that withheld events have too. */
const OF_LINKS: readonly string[] = ["chain", "signer"] satisfies Column[];

/** What a query asks, made ready to be held against many rows. */
export class Criteria {
  /** Withheld events of which nothing can be said. */
  withheldUnknown = 0;
  readonly #table: Table;
  readonly #since: number;
  readonly #until: number;
  readonly #columns: readonly OnColumn[];
  readonly #paths: readonly OnPath[];
  readonly #words: readonly Word[];
  /** Whether nothing but a link's place and time is asked for. */
  readonly #isOfLinks: boolean;
  readonly #event = new EventReader();
  readonly #unescaper = new Unescaper();

  constructor({ conditions, words, since, until }: Query, table: Table) {
    this.#table = table;
    this.#since = since ?? Number.NEGATIVE_INFINITY;
    this.#until = until ?? Number.POSITIVE_INFINITY;
    this.#columns = conditions.flatMap((condition) => onColumn(condition) ?? []);
    this.#paths = conditions.flatMap((condition) => (isColumn(condition.member) ? [] : onPath(condition)));
    this.#words = words
      .filter((word) => word !== "")
      .map((word) => ({ needle: new Needle(word), clue: new Clue(word) }));
    this.#isOfLinks = this.#words.length === 0 && conditions.every(({ member }) => OF_LINKS.includes(member));
  }

  /** Whether every event must be read. */
  get readsAll(): boolean {
    return this.#words.length > 0 || this.#paths.length > 0;
  }

  /** Writes the masks of rows from `begin` up to `end`, which lie in one block, as far as the columns tell. */
  judge(masks: Masks, begin: number, end: number): void {
    const mask = masks.blocks[Math.floor(begin / BLOCK)];
    if (mask === undefined) {
      return;
    }
    const block = (numbers: Numbers) => numbers.blocks[Math.floor(begin / BLOCK)] ?? NO_NUMBERS;
    const from = begin % BLOCK;
    const to = from + end - begin;
    const { kinds, times, values, names } = this.#table;
    mask.fill(0, from, to);
    if (this.#since > Number.NEGATIVE_INFINITY || this.#until < Number.POSITIVE_INFINITY) {
      judgeTime(mask, block(times), this.#since, this.#until, from, to);
    }
    for (const { column, bit, not, values: verdicts, names: ofNames } of this.#columns) {
      verdicts.update(values[column]);
      const name = names[column];
      if (name !== undefined && ofNames !== undefined) {
        ofNames.update(name);
        judgeNamed(mask, block(values[column].codes), block(name.codes), verdicts, ofNames, bit, not, from, to);
      } else {
        judgePlain(mask, block(values[column].codes), verdicts.byCode, bit, not, from, to);
      }
    }
    this.#finish(mask, block(kinds), from, to);
  }

  /** Whether an event may be found among those that a sieve is of. */
  passes(sieve: Sieve): boolean {
    return (
      this.#words.every(({ clue }) => sieve.passes(clue)) &&
      this.#paths.every(({ not, clues }) => not || clues.some((all) => all.every((clue) => sieve.passes(clue))))
    );
  }

  /** The mask of an event that had to be read, now that its bytes are here. */
  read(row: number, mask: number, bytes: Uint8Array, begin: number, end: number): number {
    let judged = mask & ~UNREAD;
    if (this.#columns.length > 0) {
      judged |= this.#readColumns(row, bytes, begin, end);
    }
    if (!this.#holdsWords(row, bytes, begin, end) || !this.#holdsPaths(row, bytes, begin, end)) {
      judged |= ELSE;
    }
    return judged;
  }

  #finish(mask: Uint16Array, kinds: Block, from: number, to: number): void {
    const { readsAll } = this;
    for (let at = from; at < to; at += 1) {
      const kind = kinds[at];
      const judged = mask[at] ?? 0;
      if (kind === EVENT) {
        if (judged !== 0 || readsAll) {
          const reads = (readsAll || (judged & UNREAD) !== 0) && isNear(judged);
          mask[at] = (judged & FAILS) | (reads ? UNREAD : 0);
        }
      } else if (kind === WITHHELD) {
        mask[at] = this.#withheld(judged);
      } else {
        mask[at] = kind === GAP ? NO_EVENT | IS_GAP : NEVER;
      }
    }
  }

  #withheld(judged: number): number {
    if (this.#isOfLinks) {
      return (judged & FAILS) | NO_EVENT;
    }
    if ((judged & (ELSE | bitOf("chain") | bitOf("signer"))) === 0) {
      this.withheldUnknown += 1;
    }
    return NEVER;
  }

  /** Of columns whose values are not kept. */
  #readColumns(row: number, bytes: Uint8Array, begin: number, end: number): number {
    let fails = 0;
    let isRead = false;
    const { values, names } = this.#table;
    for (const { column, bit, not, globs, values: verdicts, names: ofNames } of this.#columns) {
      const verdict = verdicts.byCode[values[column].codes.get(row)] ?? NO;
      const ofName = ofNames?.byCode[names[column]?.codes.get(row) ?? 0] ?? NO;
      if (verdict === YES || ofName === YES || (verdict !== UNSURE && ofName !== UNSURE)) {
        continue;
      }
      if (!isRead) {
        this.#event.read(bytes, begin, end, this.#table.isEscaped(row));
        isRead = true;
      }
      const value = this.#event.value(column);
      let holds = value !== undefined && FITS[column](globs, value.bytes, value.begin, value.end);
      if (!holds) {
        const name = this.#event.nameOf(column);
        holds = name !== undefined && FITS.name(globs, name.bytes, name.begin, name.end);
      }
      fails |= holds === not ? bit : 0;
    }
    return fails;
  }

  #holdsWords(row: number, bytes: Uint8Array, begin: number, end: number): boolean {
    if (this.#words.length === 0) {
      return true;
    }
    let [text, from, to] = [bytes, begin, end];
    if (this.#table.isEscaped(row)) {
      to = this.#unescaper.read(bytes, begin, end);
      [text, from] = [this.#unescaper.bytes, 0];
    }
    for (const { needle } of this.#words) {
      if (needle.find(text, from, to) < 0) {
        return false;
      }
    }
    return true;
  }

  #holdsPaths(row: number, bytes: Uint8Array, begin: number, end: number): boolean {
    const isEscaped = this.#table.isEscaped(row);
    return this.#paths.every(({ path, not, globs, texts }) => {
      // Few events need be taken apart.
      const mayHold = isEscaped || texts.some((all) => all.every((text) => text.find(bytes, begin, end) >= 0));
      return (mayHold && someAt(path, bytes, begin, end, (...value) => FITS.name(globs, ...value))) !== not;
    });
  }
}

const NO_NUMBERS: Block = new Uint8Array(0);

function isColumn(member: string): member is Column {
  return (COLUMNS as readonly string[]).includes(member);
}

function onColumn({ member, values, not }: Condition): OnColumn | undefined {
  if (!isColumn(member)) {
    return undefined;
  }
  const globs = values.map((value) => new Glob(value));
  const isNamed = member === "actor" || member === "target";
  return {
    column: member,
    bit: bitOf(member),
    not,
    globs,
    values: new Verdicts(globs, FITS[member]),
    names: isNamed ? new Verdicts(globs, FITS.name) : undefined,
  };
}

function onPath({ member, values, not }: Condition): OnPath {
  const names = member.split(".").map((name) => new Clue(name));
  return {
    path: member,
    not,
    globs: values.map((value) => new Glob(value)),
    texts: values.map((value) => pieces(value).map((piece) => new Needle(piece))),
    clues: values.map((value) => [...names, ...pieces(value).map((piece) => new Clue(piece))]),
  };
}

function judgeTime(mask: Uint16Array, times: Block, since: number, until: number, from: number, to: number): void {
  for (let at = from; at < to; at += 1) {
    const time = times[at] ?? 0;
    if (time < since || time >= until) {
      mask[at] = ELSE;
    }
  }
}

function judgePlain(
  mask: Uint16Array,
  codes: Block,
  verdicts: Uint8Array,
  bit: number,
  not: boolean,
  from: number,
  to: number,
): void {
  const wrong = not ? YES : NO;
  for (let at = from; at < to; at += 1) {
    const verdict = verdicts[codes[at] ?? 0];
    if (verdict === wrong) {
      mask[at] = (mask[at] ?? 0) | bit;
    } else if (verdict === UNSURE) {
      mask[at] = (mask[at] ?? 0) | UNREAD;
    }
  }
}

function judgeNamed(
  mask: Uint16Array,
  codes: Block,
  names: Block,
  { byCode }: Verdicts,
  ofNames: Verdicts,
  bit: number,
  not: boolean,
  from: number,
  to: number,
): void {
  const byName = ofNames.byCode;
  const wrong = not ? YES : NO;
  for (let at = from; at < to; at += 1) {
    const either = (byCode[codes[at] ?? 0] ?? NO) | (byName[names[at] ?? 0] ?? NO);
    const verdict = (either & YES) !== 0 ? YES : either;
    if (verdict === wrong) {
      mask[at] = (mask[at] ?? 0) | bit;
    } else if (verdict === UNSURE) {
      mask[at] = (mask[at] ?? 0) | UNREAD;
    }
  }
}
