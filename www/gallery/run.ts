import type { Scene } from "./state.ts";

/** The state named after `#`, and a theme that overrides the reader's preference. */
interface Address {
  readonly state: string;
  readonly theme: "light" | "dark" | undefined;
}

/**
 * Shows the state that the address names, and follows its changes. The document's `data-state` is the name of
 * the state shown; `data-failed` is the error if it can't be shown.
 */
export function run(prepare: () => void, scene: (state: string) => Scene | undefined): void {
  const { dataset, style } = document.documentElement;
  const show = async (): Promise<void> => {
    const { state, theme } = readAddress();
    delete dataset.state;
    delete dataset.failed;
    style.colorScheme = theme ?? "";
    scrollTo(0, 0);
    try {
      prepare();
      const wantedScene = scene(state);
      if (wantedScene === undefined) throw new Error(`unknown state ${state}`);
      await wantedScene();
      await document.fonts.ready;
      if (readAddress().state === state) dataset.state = state;
    } catch (error) {
      // Errors of a state that was left don't matter.
      if (readAddress().state !== state) return;
      dataset.failed = error instanceof Error ? error.message : String(error);
      console.error(error);
    }
  };
  addEventListener("hashchange", () => void show());
  void show();
}

/** Parses the address: `#verified`, `#verified/dark`. */
export function readAddress(): Address {
  const [state = "", theme] = decodeURIComponent(location.hash.slice(1)).split("/");
  return { state: state || "empty", theme: theme === "light" || theme === "dark" ? theme : undefined };
}
