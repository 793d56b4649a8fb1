import { logHandler } from "@countersign/cloudflare-log";

export { CountersignLog } from "@countersign/cloudflare-log";

export default logHandler();
