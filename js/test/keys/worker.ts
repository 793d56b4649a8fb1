/** A Worker that grants keys. */

import { createIssuer } from "../../packages/countersign/dist/keys/issuer.js";

interface Env {
  AUDIT_ISSUER: string;
  AUDIT_URL: string;
  AUDIT_LOG: string;
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    const issuer = createIssuer({ key: env.AUDIT_ISSUER, to: env.AUDIT_URL, log: env.AUDIT_LOG });
    const authorize = ({ headers }: Request) => headers.get("cookie") === "session=alice";
    return issuer.handler({ authorize })(request);
  },
};
