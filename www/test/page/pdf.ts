/** Extracts the text of PDF files that Chromium writes, page by page. */

import { inflateSync } from "node:zlib";

interface PdfObject {
  readonly text: string;
  readonly stream: Buffer | undefined;
}

/** Returns the text of each page without white space, because word boundaries depend on the font. */
export function pdfPages(file: Buffer): readonly string[] {
  const objects = objectsOf(file);
  const pages = [...objects.values()].filter(({ text }) => /\/Type\s*\/Page\b/.test(text));
  return pages.map((page) => {
    const [contents = ""] = /\/Contents\s+\d+ 0 R/.exec(page.text) ?? [];
    const text = textOf(streamOf(objects, contents), resourcesOf(objects, page), objects, 0);
    return text.normalize("NFKC").replaceAll(/\s+/g, "");
  });
}

function objectsOf(file: Buffer): ReadonlyMap<number, PdfObject> {
  const latin = file.toString("latin1");
  const objects = new Map<number, PdfObject>();
  const begins = /(?:^|[\r\n])(\d+) 0 obj\b/g;
  for (let begin = begins.exec(latin); begin !== null; begin = begins.exec(latin)) {
    const from = begin.index + begin[0].length;
    const end = latin.indexOf("endobj", from);
    const streamAt = latin.slice(from, end).search(/\bstream\r?\n/);
    const [, length = "0"] = /\/Length (\d+)/.exec(latin.slice(from, end)) ?? [];
    if (streamAt < 0) {
      objects.set(Number(begin[1]), { text: latin.slice(from, end), stream: undefined });
      continue;
    }
    const data = latin.indexOf("\n", from + streamAt) + 1;
    const text = latin.slice(from, from + streamAt);
    const bytes = file.subarray(data, data + Number(length));
    objects.set(Number(begin[1]), {
      text,
      stream: text.includes("/FlateDecode") ? inflateSync(bytes) : bytes,
    });
    begins.lastIndex = data + Number(length);
  }
  return objects;
}

function streamOf(objects: ReadonlyMap<number, PdfObject>, reference: string): string {
  const [, number = "-1"] = /(\d+) 0 R/.exec(reference) ?? [];
  return objects.get(Number(number))?.stream?.toString("latin1") ?? "";
}

/** Returns the resources of an object, which may be an object of their own. */
function resourcesOf(objects: ReadonlyMap<number, PdfObject>, { text }: PdfObject): string {
  const [, number] = /\/Resources (\d+) 0 R/.exec(text) ?? [];
  return number === undefined ? text : (objects.get(Number(number))?.text ?? "");
}

/** Returns the text of a page, or of a form on it. */
function textOf(
  content: string,
  resources: string,
  objects: ReadonlyMap<number, PdfObject>,
  depth: number,
): string {
  const named = new Map(
    [...resources.matchAll(/\/(\w+) (\d+) 0 R/g)].map(([, name, number]) => [name, Number(number)]),
  );
  const fonts = new Map<string, ReadonlyMap<string, string>>();
  let font: ReadonlyMap<string, string> = new Map();
  let text = "";
  const shown = /\/(\w+) [\d.]+ Tf|\/(\w+) Do|<([0-9A-Fa-f]*)>(?=[^[\]]*(?:Tj|\]\s*TJ)|[^\]]*\])/g;
  for (const [, fontName, form, glyphs] of content.matchAll(shown)) {
    if (fontName !== undefined) {
      font = fonts.get(fontName) ?? lettersOf(objects, named.get(fontName) ?? -1);
      fonts.set(fontName, font);
    } else if (form !== undefined) {
      const object = objects.get(named.get(form) ?? -1);
      if (object?.stream !== undefined && object.text.includes("/Form") && depth < 8)
        text += textOf(object.stream.toString("latin1"), resourcesOf(objects, object), objects, depth + 1);
    } else {
      text += (glyphs?.match(/.{4}/g) ?? []).map((glyph) => font.get(glyph.toUpperCase()) ?? "").join("");
    }
  }
  return text;
}

/** Returns the text of each glyph of a font. */
function lettersOf(objects: ReadonlyMap<number, PdfObject>, number: number): ReadonlyMap<string, string> {
  const [reference = ""] = /\/ToUnicode \d+ 0 R/.exec(objects.get(number)?.text ?? "") ?? [];
  const map = streamOf(objects, reference);
  const letters = new Map<string, string>();
  const utf16 = (hex: string) => Buffer.from(hex, "hex").swap16().toString("utf16le");
  const hex = (code: number) => code.toString(16).toUpperCase().padStart(4, "0");
  for (const [, block = ""] of map.matchAll(/beginbfchar([\s\S]*?)endbfchar/g))
    for (const [, from = "", to = ""] of block.matchAll(/<(\w+)>\s*<(\w+)>/g))
      letters.set(from.toUpperCase(), utf16(to));
  for (const [, block = ""] of map.matchAll(/beginbfrange([\s\S]*?)endbfrange/g))
    for (const [, from = "", to = "", first = ""] of block.matchAll(/<(\w+)>\s*<(\w+)>\s*<(\w+)>/g))
      for (
        let code = Number.parseInt(from, 16), nth = 0;
        code <= Number.parseInt(to, 16);
        code += 1, nth += 1
      )
        letters.set(hex(code), utf16(hex(Number.parseInt(first, 16) + nth)));
  return letters;
}
