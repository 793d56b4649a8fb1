export { jsonOf } from "../../countersign/dist/foreign.js";
