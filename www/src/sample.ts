import * as inlined from "virtual:sample";
import { unpack } from "./unpack.ts";

/** Returns an export to try the page with, its trust file, and a pin of its log. */
export async function sample(): Promise<{ exported: File; trust: File; pin: File }> {
  return {
    exported: new File([await unpack(inlined.exported)], "sample.countersign.ndjson"),
    trust: new File([await unpack(inlined.trust)], "sample-trust.txt"),
    pin: new File([await unpack(inlined.pin)], "sample.pin.txt"),
  };
}

/** Returns the sample with one byte of an event changed, as anyone could do without the signer's key. */
export async function alteredSample(exported: File, name: string): Promise<File> {
  const text = await exported.text();
  const lines = text.split("\n");
  const events = lines.flatMap((line, place) => (line.includes('"event":{') ? [place] : []));
  const at = events[Math.floor(events.length / 2)] ?? 0;
  lines[at] = (lines[at] ?? "").replace(
    VALUE,
    (_, before: string, letter: string) => `${before}${next(letter)}`,
  );
  return new File([lines.join("\n")], name);
}

/** Matches the first letter of a value of the event. */
const VALUE = /("event":\{.*?":")([a-z])/;

function next(letter: string): string {
  return letter === "z" ? "a" : String.fromCharCode(letter.charCodeAt(0) + 1);
}
