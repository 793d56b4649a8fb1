declare module "*.html" {
  const text: string;
  export default text;
}

declare module "cloudflare:workers" {
  export const env: unknown;
}
