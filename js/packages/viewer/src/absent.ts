/** Replacements for globals that jsdom and similar environments lack. The bundle uses them instead of the globals. */

/** A `ResizeObserver` that reports nothing, if there is no native one. */
export const ResizeObserver: typeof globalThis.ResizeObserver =
  globalThis.ResizeObserver ??
  class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
