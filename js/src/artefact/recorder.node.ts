export { nativeSigner as readKey } from "../record/sign.node.js";
export { artefact, lifecycle, verifying } from "./recorder.js";
