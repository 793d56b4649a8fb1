/** Reads verified events and their places, as bytes. */

import { endOfValue, isObject, isString, Members, malformed, skipSpace } from "./json.js";
import { PARTED } from "./needle.js";
import { readTime } from "./time.js";
import type { Column } from "./types.js";
import { encode, same, unescaped } from "./utf8.js";

/** A stretch of bytes. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly begin: number;
  readonly end: number;
}

/** Where a member's value stands; without a begin where it is not there. */
class Span {
  begin = -1;
  end = -1;

  clear(): void {
    this.begin = -1;
  }

  set({ begin, end }: { begin: number; end: number }): void {
    this.begin = begin;
    this.end = end;
  }
}

/** An actor or a target. */
class PartySpans {
  /** The identifier; all of what has none. */
  readonly id = new Span();
  readonly type = new Span();
  readonly name = new Span();

  clear(): void {
    this.id.clear();
    this.type.clear();
    this.name.clear();
  }
}

const NAMES = {
  action: encode("action"),
  actor: encode("actor"),
  target: encode("target"),
  outcome: encode("outcome"),
  tenant: encode("tenant"),
  id: encode("id"),
  type: encode("type"),
  name: encode("name"),
};
const TRUE = 0x74;
const QUOTE = 1;
const BACKSLASH = 0x5c;
/** What an actor is that does not say so. */
const USER = encode("user");
/** How an action ended that does not say so: nobody knows. */
const NOT_STATED = encode("not stated");
const NOTHING = new Uint8Array(0);

/** Finds the members of an event that have columns. It is used again for each event: reading makes no objects. */
export class EventReader implements Piece {
  /** What {@link value} and {@link nameOf} found, until they are called again. */
  bytes: Uint8Array = NOTHING;
  begin = 0;
  end = 0;
  readonly #action = new Span();
  readonly #outcome = new Span();
  readonly #tenant = new Span();
  readonly #actor = new PartySpans();
  readonly #target = new PartySpans();
  readonly #members = new Members();
  readonly #party = new Members();
  #event: Uint8Array = NOTHING;
  #isEscaped = false;
  #scratch = new Uint8Array(1 << 10);

  /** Reads the event that begins here, and gives where it ends. In most there is no backslash. */
  read(bytes: Uint8Array, begin: number, limit: number, isEscaped: boolean): number {
    if (!isObject(bytes, begin)) {
      throw malformed();
    }
    this.#event = bytes;
    this.#isEscaped = isEscaped;
    this.#action.clear();
    this.#outcome.clear();
    this.#tenant.clear();
    this.#actor.clear();
    this.#target.clear();
    const members = this.#members;
    members.enter(bytes, begin, limit);
    while (members.nextName()) {
      if (isNamed(members, bytes, isEscaped, NAMES.actor)) {
        members.skip(this.#readParty(this.#actor, members.begin, limit));
        continue;
      }
      if (isNamed(members, bytes, isEscaped, NAMES.target)) {
        members.skip(this.#readParty(this.#target, members.begin, limit));
        continue;
      }
      members.skip(endOfValue(bytes, members.begin, limit));
      if (isNamed(members, bytes, isEscaped, NAMES.action)) {
        this.#action.set(members);
      } else if (isNamed(members, bytes, isEscaped, NAMES.outcome)) {
        this.#outcome.set(members);
      } else if (isNamed(members, bytes, isEscaped, NAMES.tenant)) {
        this.#tenant.set(members);
      }
    }
    return members.close();
  }

  /** The value of a member as it goes into a column, or undefined where it is not there. */
  value(column: Column): Piece | undefined {
    switch (column) {
      case "action":
        return this.#plain(this.#action);
      case "actor":
        return this.#identifier(this.#actor, USER);
      case "target":
        return this.#identifier(this.#target, undefined);
      case "outcome":
        return this.#outcome.begin < 0 ? this.#found(NOT_STATED, 0, NOT_STATED.length) : this.#plain(this.#outcome);
      case "tenant":
        return this.#plain(this.#tenant);
      default:
        return undefined;
    }
  }

  /** The name of an actor or a target. */
  nameOf(column: Column): Piece | undefined {
    return column === "actor" || column === "target"
      ? this.#plain(column === "actor" ? this.#actor.name : this.#target.name)
      : undefined;
  }

  /** Reads an actor or a target, and gives where it ends. */
  #readParty(party: PartySpans, begin: number, limit: number): number {
    const bytes = this.#event;
    const isEscaped = this.#isEscaped;
    let end: number;
    if (isObject(bytes, begin)) {
      const members = this.#party;
      members.enter(bytes, begin, limit);
      while (members.next()) {
        if (isNamed(members, bytes, isEscaped, NAMES.id)) {
          party.id.set(members);
        } else if (isNamed(members, bytes, isEscaped, NAMES.type)) {
          party.type.set(members);
        } else if (isNamed(members, bytes, isEscaped, NAMES.name)) {
          party.name.set(members);
        }
      }
      end = members.close();
    } else {
      end = endOfValue(bytes, begin, limit);
    }
    if (party.id.begin < 0) {
      party.id.set({ begin, end });
      party.type.clear();
    }
    return end;
  }

  /** A string's text, or any other value's JSON. */
  #plain({ begin, end }: Span): Piece | undefined {
    if (begin < 0) {
      return undefined;
    }
    const bytes = this.#event;
    if (!isString(bytes, begin)) {
      return this.#found(bytes, begin, end);
    }
    if (!this.#isEscaped || !hasEscape(bytes, begin, end)) {
      return this.#found(bytes, begin + QUOTE, end - QUOTE);
    }
    this.#reserve(end - begin);
    return this.#found(this.#scratch, 0, unescaped(bytes, begin + QUOTE, end - QUOTE, this.#scratch, 0));
  }

  /** An identifier with its type before it, where it has one. */
  #identifier({ id, type }: PartySpans, byDefault: Uint8Array | undefined): Piece | undefined {
    if (id.begin < 0) {
      return undefined;
    }
    const isDefault = type.begin < 0 && byDefault !== undefined && isString(this.#event, id.begin);
    if (type.begin < 0 && !isDefault) {
      return this.#plain(id);
    }
    this.#reserve(id.end - id.begin + (isDefault ? byDefault.length : type.end - type.begin) + 1);
    const scratch = this.#scratch;
    let end = 0;
    if (isDefault) {
      scratch.set(byDefault);
      end = byDefault.length;
    } else {
      end = this.#write(type, 0);
    }
    scratch[end] = PARTED;
    return this.#found(scratch, 0, this.#write(id, end + 1));
  }

  #write({ begin, end }: Span, to: number): number {
    if (isString(this.#event, begin)) {
      return unescaped(this.#event, begin + QUOTE, end - QUOTE, this.#scratch, to);
    }
    this.#scratch.set(this.#event.subarray(begin, end), to);
    return to + end - begin;
  }

  #found(bytes: Uint8Array, begin: number, end: number): Piece {
    this.bytes = bytes;
    this.begin = begin;
    this.end = end;
    return this;
  }

  #reserve(length: number): void {
    if (length > this.#scratch.length) {
      this.#scratch = new Uint8Array(length * 2);
    }
  }
}

/** What stands between the values of a line, in the order in which the verifier writes them. */
const BETWEEN = {
  line: encode('{"line":'),
  index: encode(',"index":'),
  chain: encode(',"chain":'),
  seq: encode(',"seq":'),
  time: encode(',"time":'),
  authorised: encode(',"authorised":'),
  signer: encode(',"vkey":'),
  event: encode(',"event":'),
};
const END = 0x7d;

/** Reads a line of a verifier's batch: an event and its place. */
export class LineReader {
  line = 0;
  index = 0;
  seq = 0;
  time = 0;
  authorised = false;
  readonly chain = new Span();
  readonly signer = new Span();
  /** Where the event stands. */
  readonly place = new Span();
  readonly event = new EventReader();
  #bytes: Uint8Array = NOTHING;
  #at = 0;
  #end = 0;

  /** Reads the line from `begin` to `end`, its LF not included. In most there is no backslash. */
  read(bytes: Uint8Array, begin: number, end: number, isEscaped: boolean): void {
    this.#bytes = bytes;
    this.#at = begin;
    this.#end = end;
    this.line = this.#number(BETWEEN.line);
    this.index = this.#number(BETWEEN.index);
    this.#text(BETWEEN.chain, this.chain);
    this.seq = this.#number(BETWEEN.seq);
    this.#text(BETWEEN.time, this.place);
    this.time = readTime(bytes, this.place.begin, this.place.end);
    this.#pass(BETWEEN.authorised);
    this.authorised = bytes[this.#at] === TRUE;
    this.#at = endOfValue(bytes, this.#at, end);
    this.#text(BETWEEN.signer, this.signer);
    this.#pass(BETWEEN.event);
    const eventEnd = this.event.read(bytes, skipSpace(bytes, this.#at, end), end, isEscaped);
    this.place.begin = this.#at;
    this.place.end = end - 1;
    if (bytes[this.place.end] !== END || skipSpace(bytes, eventEnd, end) !== this.place.end) {
      throw malformed();
    }
  }

  #pass(between: Uint8Array): void {
    if (!same(this.#bytes, this.#at, between.length, between, 0)) {
      throw malformed();
    }
    this.#at += between.length;
  }

  #number(between: Uint8Array): number {
    this.#pass(between);
    const bytes = this.#bytes;
    const begin = this.#at;
    let value = 0;
    let at = begin;
    for (; at < this.#end; at += 1) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) {
        break;
      }
      value = value * 10 + digit;
    }
    if (at === begin || !Number.isSafeInteger(value)) {
      throw malformed();
    }
    this.#at = at;
    return value;
  }

  /** What stands within the quotes of a string. */
  #text(between: Uint8Array, span: Span): void {
    this.#pass(between);
    if (!isString(this.#bytes, this.#at)) {
      throw malformed();
    }
    const end = endOfValue(this.#bytes, this.#at, this.#end);
    span.begin = this.#at + QUOTE;
    span.end = end - QUOTE;
    this.#at = end;
  }
}

/** Whether a member has this name, however it is written. */
function isNamed(member: Members, bytes: Uint8Array, isEscaped: boolean, name: Uint8Array): boolean {
  const { nameBegin, nameEnd } = member;
  const length = nameEnd - nameBegin;
  if (length === name.length) {
    return same(bytes, nameBegin, length, name, 0);
  }
  // An escape makes a name longer than what it reads as.
  if (!isEscaped || length < name.length || !hasEscape(bytes, nameBegin, nameEnd)) {
    return false;
  }
  const read = new Uint8Array(length);
  return unescaped(bytes, nameBegin, nameEnd, read, 0) === name.length && same(read, 0, name.length, name, 0);
}

/** Whether a backslash stands here. */
export function hasEscape(bytes: Uint8Array, begin: number, end: number): boolean {
  for (let at = begin; at < end; at += 1) {
    if (bytes[at] === BACKSLASH) {
      return true;
    }
  }
  return false;
}
