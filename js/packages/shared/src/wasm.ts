/** Loading WebAssembly. */

export { compileFetched, fetchFile as fetched } from "../../countersign/dist/artefact/fetched.js";
export { type CompiledModule, loading } from "../../countersign/dist/artefact/load.js";
