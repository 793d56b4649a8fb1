export { isRetryable } from "../../countersign/dist/reason.js";
