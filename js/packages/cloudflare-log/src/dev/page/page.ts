/**
 * The page of a log for development: asks for the reader's token, and then shows the log in `<countersign-viewer>`. If
 * tenants have logs of their own, `/` lists them, and each has this page at `/t/ID/`.
 */

import { TEXTS } from "./texts.js";

/** The parts of the viewer that are used. */
interface Viewer extends HTMLElement {
  request: (address: string, init: RequestInit) => Promise<Response>;
}

/** The key under which the tab keeps the token until it is closed. */
const TOKEN = "countersign-dev-token";

const lang = navigator.language.startsWith("de") ? "de" : "en";
const texts = TEXTS[lang];
/** The ID of the tenant whose log this page shows. */
const tenant = /^\/t\/([0-9a-f]{32})\/$/.exec(location.pathname)?.[1];
/** The path of the log. */
const log = tenant === undefined ? "" : `/t/${tenant}`;
/** True if this page lists the tenants. */
const isList = tenant === undefined && document.documentElement.hasAttribute("data-tenants");
const main = document.querySelector("main") ?? document.body;

document.documentElement.lang = lang;
document.title = texts.title;
for (const title of document.querySelectorAll("h1")) {
  title.textContent = texts.title;
}
const about = document.createElement("p");
about.textContent = isList ? texts.aboutTenants : texts.about;
document.querySelector("header")?.append(about);
if (tenant !== undefined) {
  const all = document.createElement("a");
  all.href = "/";
  all.textContent = texts.allTenants;
  document.querySelector("header")?.append(all);
}

/** Shows the log if the token is right, and otherwise asks for one. */
async function start(token: string | null): Promise<void> {
  const problem = token === null ? undefined : await problemWith(token);
  if (token === null || problem !== undefined) {
    ask(problem);
    return;
  }
  sessionStorage.setItem(TOKEN, token);
  await (isList ? list(token) : show(token));
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** Returns what is wrong with a token. */
async function problemWith(token: string): Promise<string | undefined> {
  const init: RequestInit = { headers: bearer(token), cache: "no-store" };
  const response = await fetch(isList ? "/tenants" : `${log}/export?limit=1`, init).catch(() => undefined);
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
  const trust = tenant === undefined ? "/viewer/trust.txt" : `/viewer/trust.txt?tenant=${tenant}`;
  for (const [name, value] of Object.entries({ src: `${log}/export`, trust, live: "", fragment: "" })) {
    viewer.setAttribute(name, value);
  }
  main.replaceChildren(viewer);
}

/** A tenant, as `GET /tenants` lists it. */
interface Tenant {
  readonly name: string;
  readonly origin: string;
  readonly size: number;
  readonly since: number | null;
}

/** Lists the tenants, with links to their logs. */
async function list(token: string): Promise<void> {
  const response = await fetch("/tenants", { headers: bearer(token), cache: "no-store" });
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  const items = lines.map((line) => {
    const { name, origin, size, since } = JSON.parse(line) as Tenant;
    const item = document.createElement("li");
    if (since === null) {
      item.textContent = `${name} (${texts.waiting})`;
      return item;
    }
    const link = document.createElement("a");
    link.href = `/t/${origin.slice(-32)}/`;
    link.textContent = name;
    item.append(link, ` (${texts.entries(size)})`);
    return item;
  });
  const tenants = document.createElement(items.length === 0 ? "p" : "ul");
  tenants.append(...(items.length === 0 ? [texts.noTenants] : items));
  main.replaceChildren(tenants, creation(token));
}

/** Returns the form that creates a tenant. */
function creation(token: string): HTMLFormElement {
  const form = document.createElement("form");
  const label = document.createElement("label");
  const input = document.createElement("input");
  const button = document.createElement("button");
  label.textContent = texts.tenant;
  Object.assign(input, { required: true, autocomplete: "off" });
  button.textContent = texts.create;
  label.append(input);
  form.append(label, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const body = JSON.stringify({ name: input.value.trim() });
    const response = await fetch("/tenants", { method: "POST", headers: bearer(token), body }).catch(() => undefined);
    if (response?.ok) {
      await list(token);
      return;
    }
    button.disabled = false;
    const alert = document.createElement("p");
    alert.setAttribute("role", "alert");
    const answer = (await response?.json().catch(() => undefined)) as { error?: { message?: string } } | undefined;
    alert.textContent = answer?.error?.message ?? texts.unreachable;
    form.querySelector("[role=alert]")?.remove();
    form.append(alert);
  });
  return form;
}

await start(sessionStorage.getItem(TOKEN));
