import { defineConfig } from "vite";
import { onePage } from "../build/one-page.ts";
import { exportsOf } from "./build/exports.ts";
import { list } from "./build/list.ts";
import { recorder } from "./build/recorder.ts";

/**
 * Builds the gallery: one file with all states of the page, and in the mode `viewer` one with those of the
 * viewer.
 */
export default defineConfig(({ mode }) => {
  const subject = mode === "viewer" ? "viewer" : "page";
  return onePage({
    root: new URL(subject, import.meta.url),
    folder: new URL("../dist/gallery", import.meta.url),
    fileName: `${subject}.html`,
    connect: "'none'",
    plugins: [exportsOf(), recorder(), list()],
  });
});
