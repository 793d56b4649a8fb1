import { defineConfig } from "vite";

export default defineConfig({
  // The page's policy allows no `data:` in connect-src, so WebAssembly must stay a separate file.
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  worker: { format: "es" },
  // Vite's development server would look for the WebAssembly file in its cache.
  optimizeDeps: { exclude: ["countersign"] },
});
