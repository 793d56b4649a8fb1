/** A stretch of a query's text that means itself, or a star that stands for any characters. */
export interface Part {
  readonly text: string;
  readonly isStar: boolean;
  readonly isQuoted: boolean;
}

/** What stands between spaces: a condition, or text. */
export interface Token {
  /** Where it begins in the query's text, and ends. */
  readonly at: number;
  readonly end: number;
  readonly not: boolean;
  /** The member; undefined for text. */
  readonly member: readonly Part[] | undefined;
  /** What commas part, each without parts where nothing stands; of text there is one. */
  readonly values: readonly (readonly Part[])[];
  /** Where the last value begins. */
  readonly valueAt: number;
  /** Whether a quote is not closed. */
  readonly isOpen: boolean;
}

const SPACE = /\s/;

/** Takes a query's text apart. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < text.length; ) {
    if (SPACE.test(text.charAt(at))) {
      at += 1;
    } else {
      const token = readToken(text, at);
      found.push(token);
      at = token.end;
    }
  }
  return found;
}

function readToken(text: string, begin: number): Token {
  const not = text.charAt(begin) === "-";
  const first = readParts(text, not ? begin + 1 : begin, ":");
  if (text.charAt(first.end) !== ":") {
    // A dash in front of text is text.
    const whole = not ? readParts(text, begin, "") : first;
    return {
      at: begin,
      end: whole.end,
      not: false,
      member: undefined,
      values: [whole.parts],
      valueAt: begin,
      isOpen: whole.isOpen,
    };
  }
  const values = [];
  let { isOpen, end } = first;
  let valueAt = end;
  do {
    valueAt = end + 1;
    const value = readParts(text, valueAt, ",");
    values.push(value.parts);
    isOpen ||= value.isOpen;
    end = value.end;
  } while (text.charAt(end) === ",");
  return { at: begin, end, not, member: first.parts, values, valueAt, isOpen };
}

/** Reads as far as a space or the character that ends it, outside of quotes. */
function readParts(text: string, begin: number, until: string): { parts: Part[]; end: number; isOpen: boolean } {
  const parts: Part[] = [];
  let bare = "";
  const flush = () => {
    if (bare !== "") {
      parts.push({ text: bare, isStar: false, isQuoted: false });
      bare = "";
    }
  };
  for (let at = begin; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (letter === until || SPACE.test(letter)) {
      flush();
      return { parts, end: at, isOpen: false };
    }
    if (letter === '"') {
      flush();
      const quote = readQuote(text, at + 1);
      parts.push({ text: quote.text, isStar: false, isQuoted: true });
      if (quote.end >= text.length) {
        return { parts, end: text.length, isOpen: true };
      }
      at = quote.end;
    } else if (letter === "*") {
      flush();
      parts.push({ text: letter, isStar: true, isQuoted: false });
    } else if (letter === "\\" && at + 1 < text.length) {
      at += 1;
      bare += text.charAt(at);
    } else {
      bare += letter;
    }
  }
  flush();
  return { parts, end: text.length, isOpen: false };
}

/** Reads what is quoted, and gives the place of the closing quote: behind the text where there is none. */
function readQuote(text: string, begin: number): { text: string; end: number } {
  let read = "";
  for (let at = begin; at < text.length; at += 1) {
    const letter = text.charAt(at);
    if (letter === '"') {
      return { text: read, end: at };
    }
    const isEscape = letter === "\\" && (text.charAt(at + 1) === '"' || text.charAt(at + 1) === "\\");
    if (isEscape) {
      at += 1;
    }
    read += text.charAt(at);
  }
  return { text: read, end: text.length };
}
