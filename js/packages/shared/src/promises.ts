export { type Deferred, deferred, inTurn } from "../../countersign/dist/promises.js";
