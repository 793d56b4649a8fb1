export { jsonOf, repeatable } from "../../countersign/dist/foreign.js";
