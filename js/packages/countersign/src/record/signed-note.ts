/** Signed notes (C2SP signed-note) of keys outside the core. */

/** Returns a note with this text, which ends in a line feed, and the key's signature line. */
export async function signNote(
  text: string,
  vkey: string,
  sign: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array | PromiseLike<Uint8Array>,
): Promise<string> {
  const signature = await sign(new TextEncoder().encode(text));
  const [, name = "", id = ""] = /^([^+]+)\+([0-9a-f]{8})\+/.exec(vkey) ?? [];
  const idBytes = Array.from(id.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return `${text}\n\u2014 ${name} ${btoa(String.fromCharCode(...idBytes, ...signature))}\n`;
}
