/** AWS Lambda. */

export type { Audit } from "./adapters/audit.js";
export { auditLambda, type LambdaContext, type LambdaOptions } from "./adapters/lambda.js";
