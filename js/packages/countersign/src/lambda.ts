/** AWS Lambda. */

export { auditLambda, type LambdaContext, type LambdaOptions } from "./adapters/lambda.js";
export type { Audit } from "./record/audit.js";
