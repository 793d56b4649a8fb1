/** Pages are hidden before they go, and few get to know more than that. */

import type { Lifecycle } from "./lifecycle.js";

const inPage = () => typeof document !== "undefined";

export const lifecycle: Lifecycle = {
  isLeaving: () => inPage() && document.visibilityState === "hidden",
  follow({ hidden, shown, leaving }) {
    if (!inPage()) {
      return () => {};
    }
    const changed = () => {
      if (document.visibilityState === "hidden") {
        hidden();
      } else {
        shown();
      }
    };
    document.addEventListener("visibilitychange", changed);
    addEventListener("pagehide", leaving);
    return () => {
      document.removeEventListener("visibilitychange", changed);
      removeEventListener("pagehide", leaving);
    };
  },
};
