export { comesWithin, sleep, within } from "../../countersign/dist/timers.js";
