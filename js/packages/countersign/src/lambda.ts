/**
 * The entry `countersign/lambda`: the adapter for AWS Lambda.
 *
 * @module
 */

export { auditLambda, type LambdaContext, type LambdaOptions } from "./adapters/lambda.js";
export type { Audit } from "./record/audit.js";
