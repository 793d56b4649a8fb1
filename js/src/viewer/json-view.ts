/**
 * A JSON text as written: numbers keep their digits, objects are lists of members in their order, so that nothing in
 * it is rounded, merged or taken for a property of the page's own objects.
 */
export type Json =
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: Json])[] }
  | { readonly kind: "array"; readonly items: readonly Json[] }
  | { readonly kind: "string"; readonly value: string }
  /** A number, `true`, `false` or `null`. */
  | { readonly kind: "literal"; readonly source: string };

/** Deeper than any event may nest. */
const MAX_DEPTH = 64;

/** As far as its end; what is between is checked by `JSON.parse`. */
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
const LITERAL = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;
const SPACE = /[ \t\n\r]*/y;

/** Parses one JSON value. Throws a `SyntaxError` where it is none. */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

/** The same, or nothing. */
export function readJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#space();
  }

  value(depth: number): Json {
    const first = this.#text[this.#at];
    if ((first === "{" || first === "[") && depth >= MAX_DEPTH) throw new SyntaxError("nested too deep");
    if (first === "{") {
      const members: [string, Json][] = [];
      this.#list("}", () => {
        const name = this.#string();
        this.#take(":");
        members.push([name, this.value(depth + 1)]);
      });
      return { kind: "object", members };
    }
    if (first === "[") {
      const items: Json[] = [];
      this.#list("]", () => items.push(this.value(depth + 1)));
      return { kind: "array", items };
    }
    if (first === '"') return { kind: "string", value: this.#string() };
    return { kind: "literal", source: this.#match(LITERAL) };
  }

  end(): void {
    if (this.#at < this.#text.length) throw new SyntaxError(`more than one value at ${this.#at}`);
  }

  #list(close: string, item: () => void): void {
    this.#skip();
    if (this.#text[this.#at] !== close) {
      item();
      while (this.#text[this.#at] === ",") {
        this.#skip();
        item();
      }
    }
    this.#take(close);
  }

  /** Passes one character and what space follows. */
  #skip(): void {
    this.#at += 1;
    this.#space();
  }

  #string(): string {
    return JSON.parse(this.#match(STRING)) as string;
  }

  #take(character: string): void {
    if (this.#text[this.#at] !== character) throw new SyntaxError(`no ${character} at ${this.#at}`);
    this.#skip();
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw new SyntaxError(`no JSON value at ${this.#at}`);
    this.#at += found.length;
    this.#space();
    return found;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
  }
}

/** The value of an object's member. */
export function member(json: Json | undefined, name: string): Json | undefined {
  return json?.kind === "object" ? json.members.find(([found]) => found === name)?.[1] : undefined;
}

/** A string's value or a literal's text; objects and arrays have none. */
export function scalar(json: Json | undefined): string | undefined {
  if (json?.kind === "string") return json.value;
  return json?.kind === "literal" ? json.source : undefined;
}

/** The value as one text without spaces, the same for values that are written the same. */
export function written(json: Json): string {
  switch (json.kind) {
    case "literal":
      return json.source;
    case "string":
      return JSON.stringify(json.value);
    case "array":
      return `[${json.items.map(written).join(",")}]`;
    case "object":
      return `{${json.members.map(([name, value]) => `${JSON.stringify(name)}:${written(value)}`).join(",")}}`;
  }
}
