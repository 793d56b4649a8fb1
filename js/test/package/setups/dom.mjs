/** Replaces the browser by jsdom, like component tests do: its globals are available, except workers. */

// The path is an argument, because jsdom isn't installed in the project.
const { JSDOM, VirtualConsole } = await import(process.argv[2]);

const errors = [];
const console_ = new VirtualConsole().on("jsdomError", (error) => errors.push(String(error.detail ?? error)));
const { window } = new JSDOM("<!doctype html><title>page</title><body></body>", {
  url: "https://page.test/",
  virtualConsole: console_,
});
for (const name of Object.getOwnPropertyNames(window)) {
  if (!(name in globalThis)) {
    Object.defineProperty(globalThis, name, { get: () => window[name], configurable: true });
  }
}
for (const name of ["Event", "EventTarget", "CustomEvent", "Node", "HTMLElement"]) {
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true });
}
for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
  globalThis[name] = window[name].bind(window);
}
process.on("unhandledRejection", (error) => errors.push(String(error?.stack)));

await import("@countersign/viewer");
const { recorded, TRUST } = await import("./once.mjs");

const viewer = document.createElement("countersign-viewer");
viewer.trustText = TRUST;
viewer.file = new Blob([await recorded()]);
document.body.append(viewer);
for (let turns = 0; turns < 1000 && !/Worker/.test(viewer.shadowRoot?.textContent ?? viewer.textContent); turns++) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
const { shadowRoot } = viewer;
console.log(JSON.stringify({ text: (shadowRoot ?? viewer).textContent.replace(/\s+/g, " ").trim(), errors }));
viewer.remove();
