/** What jsdom and its like lack. The element is bundled with these in place of the globals of their names. */

/** Where there is none, no query ever matches. */
export const matchMedia: typeof globalThis.matchMedia =
  globalThis.matchMedia?.bind(globalThis) ??
  ((media: string) => Object.assign(new EventTarget(), { media, matches: false, onchange: null }));

/** Where there is none, nothing has a size. */
export const ResizeObserver: typeof globalThis.ResizeObserver =
  globalThis.ResizeObserver ??
  class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
