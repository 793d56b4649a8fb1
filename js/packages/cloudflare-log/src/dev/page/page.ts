/** The page of a temporary log: asks for the reader's token, and then shows the log in `<countersign-viewer>`. */

import { TEXTS } from "./texts.js";

/** The parts of the viewer that are used. */
interface Viewer extends HTMLElement {
  request: (address: string, init: RequestInit) => Promise<Response>;
}

/** The key under which the tab keeps the token until it is closed. */
const TOKEN = "countersign-dev-token";

const lang = navigator.language.startsWith("de") ? "de" : "en";
const texts = TEXTS[lang];
const main = document.querySelector("main") ?? document.body;

document.documentElement.lang = lang;
document.title = texts.title;
for (const title of document.querySelectorAll("h1")) {
  title.textContent = texts.title;
}
const about = document.createElement("p");
about.textContent = texts.about;
document.querySelector("header")?.append(about);

/** Shows the log if the token is right, and otherwise asks for one. */
async function start(token: string | null): Promise<void> {
  const problem = token === null ? undefined : await problemWith(token);
  if (token === null || problem !== undefined) {
    ask(problem);
    return;
  }
  sessionStorage.setItem(TOKEN, token);
  await show(token);
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** Returns what is wrong with a token. */
async function problemWith(token: string): Promise<string | undefined> {
  const init: RequestInit = { headers: bearer(token), cache: "no-store" };
  const response = await fetch("/export?limit=1", init).catch(() => undefined);
  await response?.body?.cancel();
  if (response === undefined || response.status >= 500) {
    return texts.unreachable;
  }
  return response.ok ? undefined : texts.refused;
}

/** Asks for the token. */
function ask(problem: string | undefined): void {
  const form = document.createElement("form");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const button = document.createElement("button");
  label.textContent = texts.token;
  Object.assign(input, { type: "password", required: true, autocomplete: "off", placeholder: texts.tokenHint });
  button.textContent = texts.open;
  label.append(input);
  form.append(label, button);
  if (problem !== undefined) {
    const alert = document.createElement("p");
    alert.setAttribute("role", "alert");
    alert.textContent = problem;
    form.append(alert);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    void start(input.value.trim());
  });
  main.replaceChildren(form);
  input.focus();
}

/** Shows the log as it grows. */
async function show(token: string): Promise<void> {
  await import("/viewer/viewer.js" as string);
  const viewer = document.createElement("countersign-viewer") as Viewer;
  viewer.request = (address, init) =>
    fetch(address, { ...init, headers: { ...(init.headers as Record<string, string>), ...bearer(token) } });
  for (const [name, value] of Object.entries({ src: "/export", trust: "/viewer/trust.txt", live: "", fragment: "" })) {
    viewer.setAttribute(name, value);
  }
  main.replaceChildren(viewer);
}

await start(sessionStorage.getItem(TOKEN));
