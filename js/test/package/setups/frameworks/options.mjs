/** What every fixture records with: into a file, under a key that all know. */

import { fileTransport } from "countersign/node";

export const options = () => ({
  key: "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH",
  origin: "log.example/audit",
  to: fileTransport(process.env.EXPORT),
});
