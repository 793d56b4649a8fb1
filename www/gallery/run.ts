import type { Scene } from "./state.ts";

/** What stands behind `#`: a state, and whether it is dark or light whatever the reader prefers. */
interface Asked {
  readonly state: string;
  readonly theme: "light" | "dark" | undefined;
}

/**
 * Shows the state that the address names, and another one when it changes. The document's `data-state` is the name of
 * the state that is there, `data-failed` why it is not.
 */
export function run(prepare: () => void, scene: (state: string) => Scene | undefined): void {
  const { dataset, style } = document.documentElement;
  const show = async (): Promise<void> => {
    const { state, theme } = asked();
    delete dataset.state;
    delete dataset.failed;
    style.colorScheme = theme ?? "";
    scrollTo(0, 0);
    try {
      prepare();
      const wanted = scene(state);
      if (wanted === undefined) throw new Error(`there is no state ${state}`);
      await wanted();
      await document.fonts.ready;
      if (asked().state === state) dataset.state = state;
    } catch (error) {
      // What was left for another state has nobody to tell.
      if (asked().state !== state) return;
      dataset.failed = error instanceof Error ? error.message : String(error);
      console.error(error);
    }
  };
  addEventListener("hashchange", () => void show());
  void show();
}

/** `#verified`, `#verified/dark`. */
export function asked(): Asked {
  const [state = "", theme] = decodeURIComponent(location.hash.slice(1)).split("/");
  return { state: state || "empty", theme: theme === "light" || theme === "dark" ? theme : undefined };
}
