export { passes } from "../../countersign/dist/reason.js";
