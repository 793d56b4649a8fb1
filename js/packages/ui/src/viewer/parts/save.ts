/** Offers text, or a file, as a file to keep. */
export function save(name: string, content: string | Blob, type = "text/plain"): void {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The download has its own hold on the bytes once it has begun.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** A file's name without what follows its first dot, fit for another file's name. */
export function stem(name: string): string {
  const safe = (name.split(/[/\\]/).at(-1) ?? "").replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.-]+/, "");
  return safe.replace(/\.(countersign\.)?(ndjson|jsonl|json)?(\.(gz|zst))?$/i, "").slice(0, 80) || "export";
}

/** Whether it is now in the clipboard. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
