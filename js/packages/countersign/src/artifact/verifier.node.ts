import script from "../inlined/worker.node.js";
import { thread } from "../verify/thread.node.js";

export { artifact } from "./verifier.inlined.js";
export const worker = () => thread(script);
