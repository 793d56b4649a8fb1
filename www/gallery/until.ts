/** Maximum wait in milliseconds. */
const TIMEOUT_MS = 30_000;

/** Waits until `look` returns something, calling it every frame. */
export async function until<T>(look: () => T | null | undefined | false): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const found = look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() - begun > TIMEOUT_MS) throw new Error(`timed out waiting for ${look}`);
    await frame();
  }
}

/** Waits for the next frame, or briefly in a background tab. */
function frame(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 50);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
