export { concat, readAtMost } from "../../countersign/dist/bytes.js";
