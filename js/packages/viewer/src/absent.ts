/** What jsdom and its like lack. The element is bundled with this in place of the global of its name. */

/** Where there is none, nothing has a size. */
export const ResizeObserver: typeof globalThis.ResizeObserver =
  globalThis.ResizeObserver ??
  class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
