export { CountersignError, type ErrorCode, must, type PlainError, plainError } from "../../countersign/dist/error.js";
