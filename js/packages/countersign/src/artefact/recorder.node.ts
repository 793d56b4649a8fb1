export { nativeSigner as readKey } from "../record/sign.node.js";
export { artefact, lifecycle } from "./recorder.js";
