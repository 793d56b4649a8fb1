export { field, ownFields } from "../../countersign/dist/own.js";
