/** Downloads text or a blob as a file. */
export function save(name: string, content: string | Blob, type = "text/plain"): void {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The download keeps the bytes once it has begun.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Returns a file's name without its extensions, sanitized for another file's name. */
export function stem(name: string): string {
  const safe = (name.split(/[/\\]/).at(-1) ?? "").replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.-]+/, "");
  return safe.replace(/\.(countersign\.)?(ndjson|jsonl|json)?(\.(gz|zst))?$/i, "").slice(0, 80) || "export";
}

/** Copies a string to the clipboard. Resolves to true if it worked. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
