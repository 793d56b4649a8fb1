/** Finds its way in JSON as bytes. All of it is well-formed: the core has read it; what is not is a defect. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Where a string ends, given the place after its first quote: that of its last. */
function endOfString(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      return at;
    }
    if (byte === BACKSLASH) {
      at += 1;
    }
  }
  throw malformed();
}

/** The first place that is no white space. */
export function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(bytes[at])) {
    at += 1;
  }
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;
}

/** Where the value that begins here ends. */
export function endOfValue(bytes: Uint8Array, from: number, end: number): number {
  const first = bytes[from];
  if (first === QUOTE) {
    return endOfString(bytes, from + 1, end) + 1;
  }
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    return endOfLiteral(bytes, from, end);
  }
  let depth = 0;
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at + 1, end);
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth += 1;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth -= 1;
      if (depth === 0) {
        return at + 1;
      }
    }
  }
  throw malformed();
}

function endOfLiteral(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end) {
    const byte = bytes[at];
    if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || isSpace(byte)) {
      break;
    }
    at += 1;
  }
  if (at === from) {
    throw malformed();
  }
  return at;
}

export function isObject(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === OPEN_OBJECT;
}

export function isArray(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === OPEN_ARRAY;
}

export function isString(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === QUOTE;
}

/**
 * Goes through the members of an object, one `next` after the other. The names of members stay bytes: nothing that is
 * called `__proto__` comes near an object's properties.
 */
export class Members {
  /** The name, without its quotes. */
  nameBegin = 0;
  nameEnd = 0;
  /** The value, a string's quotes included. */
  begin = 0;
  end = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #limit = 0;

  /** Begins with the object that stands here. */
  enter(bytes: Uint8Array, at: number, limit: number): void {
    this.#bytes = bytes;
    this.#at = at + 1;
    this.#limit = limit;
  }

  /** Whether there is another member. */
  next(): boolean {
    if (!this.nextName()) {
      return false;
    }
    this.skip(endOfValue(this.#bytes, this.begin, this.#limit));
    return true;
  }

  /** Goes to the name of the next member and the begin of its value; {@link skip} must follow. */
  nextName(): boolean {
    const bytes = this.#bytes;
    const limit = this.#limit;
    let at = skipSpace(bytes, this.#at, limit);
    if (bytes[at] === COMMA) {
      at = skipSpace(bytes, at + 1, limit);
    }
    if (bytes[at] === CLOSE_OBJECT) {
      return false;
    }
    if (bytes[at] !== QUOTE) {
      throw malformed();
    }
    this.nameBegin = at + 1;
    this.nameEnd = endOfString(bytes, at + 1, limit);
    at = skipSpace(bytes, this.nameEnd + 1, limit);
    if (bytes[at] !== COLON) {
      throw malformed();
    }
    this.begin = skipSpace(bytes, at + 1, limit);
    return true;
  }

  /** Where the object ends, when there is no further member. */
  close(): number {
    return skipSpace(this.#bytes, this.#at, this.#limit) + 1;
  }

  /** The value ends here. */
  skip(end: number): void {
    this.end = end;
    this.#at = end;
  }
}

/** Calls for each item of the array that stands here. */
export function eachItem(
  bytes: Uint8Array,
  at: number,
  limit: number,
  item: (begin: number, end: number) => void,
): void {
  let place = skipSpace(bytes, at + 1, limit);
  while (bytes[place] !== CLOSE_ARRAY) {
    const end = endOfValue(bytes, place, limit);
    item(place, end);
    place = skipSpace(bytes, end, limit);
    if (bytes[place] === COMMA) {
      place = skipSpace(bytes, place + 1, limit);
    } else if (bytes[place] !== CLOSE_ARRAY) {
      throw malformed();
    }
  }
}

/** What an event that the core let through never is. */
export function malformed(): Error {
  return new SyntaxError("a verified event could not be read");
}
