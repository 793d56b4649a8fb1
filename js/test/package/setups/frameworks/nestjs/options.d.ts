declare module "*/options.mjs" {
  export const options: () => import("countersign").TransportOptions;
}
declare const console: { log(text: string): void };
