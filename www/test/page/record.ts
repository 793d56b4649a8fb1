import { createRecorder, generateKeyHandle, memory } from "countersign";

/** Events between two flushes. */
const FLUSH_EACH = 500;

/** Records JSON objects with the package's recorder into one closed chain, whose key a trust file names. */
export async function recorded(events: readonly string[]): Promise<{ exported: string; trust: string }> {
  const name = "example.com/test";
  const key = await generateKeyHandle(name);
  const to = memory();
  const recorder = createRecorder({
    key,
    origin: "log.example/test",
    to,
    redact: false,
  });
  for (const [nth, event] of events.entries()) {
    recorder.recordJson(event);
    // Only so many events may wait.
    if (nth % FLUSH_EACH === 0) await recorder.flush();
  }
  await recorder.close();
  return { exported: to.text(), trust: `emitter ${key.vkey}\n` };
}

/** Returns the events of an export as written. */
export function eventTexts(exported: string): string[] {
  return exported.split("\n").flatMap((line) => {
    const member = /[{,]\s*"event"\s*:\s*/.exec(line);
    return member ? [object(line.slice(member.index + member[0].length))] : [];
  });
}

/** Returns the object that a text begins with. */
function object(text: string): string {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === "{") depth += 1;
    if (token === "}") depth -= 1;
    if (depth === 0) return text.slice(0, index + 1);
  }
  throw new Error("an object without an end");
}
