/** A column's edge, dragged. */

import { widthWithin } from "./columns.js";

/** Follows a pointer from a press on a header's grip, and tells each width and the end. */
export function drag(event: PointerEvent, told: (width: number) => void, ended: () => void): void {
  const grip = event.currentTarget as HTMLElement;
  const header = grip.parentElement;
  if (header === null || event.button !== 0) {
    return;
  }
  event.preventDefault();
  const begin = header.getBoundingClientRect().width;
  const way = getComputedStyle(header).direction === "rtl" ? -1 : 1;
  const moved = ({ clientX }: PointerEvent) => told(widthWithin(begin + way * (clientX - event.clientX)));
  const end = () => {
    grip.removeEventListener("pointermove", moved);
    grip.removeEventListener("lostpointercapture", end);
    ended();
  };
  grip.setPointerCapture(event.pointerId);
  grip.addEventListener("pointermove", moved);
  grip.addEventListener("lostpointercapture", end);
}
