export { settlesWithin, sleep, within } from "../../countersign/dist/timers.js";
