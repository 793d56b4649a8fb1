/** How long something may take to come, in milliseconds. */
const PATIENCE = 30_000;

/** Waits until there is something, looking at every frame. */
export async function until<T>(look: () => T | null | undefined | false): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const found = look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() - begun > PATIENCE) throw new Error(`it never came: ${look}`);
    await frame();
  }
}

/** The next frame; soon in a tab that nobody looks at. */
function frame(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 50);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
