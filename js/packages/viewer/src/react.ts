/** `<countersign-viewer>` in React's JSX, from React 19 on: its properties, and what it tells of. */

import type { ClassAttributes, HTMLAttributes } from "react";
import type { CountersignViewer, ViewerEvents } from "./public.js";

export type * from "./public.js";

/** Its properties: what is neither of every element nor a method. */
type Given = Exclude<keyof CountersignViewer, keyof HTMLElement | "feed" | "end" | "goTo" | "goToEntry">;

/** What the element takes in JSX. React sets neither properties nor handlers of an element that a server rendered, which needs attributes. */
export type CountersignViewerProps = HTMLAttributes<CountersignViewer> &
  ClassAttributes<CountersignViewer> & { [Name in Given]?: CountersignViewer[Name] | undefined } & {
    [Name in keyof ViewerEvents as `on${Name}`]?: ((event: ViewerEvents[Name]) => void) | undefined;
  };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "countersign-viewer": CountersignViewerProps;
    }
  }
}
