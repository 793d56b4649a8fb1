/**
 * Types of `<countersign-viewer>` in JSX, for React 19 and later: its properties and events.
 *
 * @module
 */

import type { ClassAttributes, HTMLAttributes } from "react";
import type { CountersignViewer, ViewerEvents } from "./public.js";

export type * from "./public.js";

/** The element's own properties, without methods. */
type OwnProperty = Exclude<keyof CountersignViewer, keyof HTMLElement | "feed" | "end" | "goTo" | "goToEntry">;

/**
 * Props of the element in JSX. React sets only attributes, not properties or event handlers, on an element that a
 * server rendered.
 */
export type CountersignViewerProps = HTMLAttributes<CountersignViewer> &
  ClassAttributes<CountersignViewer> & { [Name in OwnProperty]?: CountersignViewer[Name] | undefined } & {
    [Name in keyof ViewerEvents as `on${Name}`]?: ((event: ViewerEvents[Name]) => void) | undefined;
  };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "countersign-viewer": CountersignViewerProps;
    }
  }
}
