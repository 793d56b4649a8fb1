declare module "*/options.mjs" {
  export const options: () => import("countersign").TransportOptions;
  export const guard: import("countersign/gate").Gate;
}
declare const console: { log(text: string): void };
