// Takes screenshots of every state of the page, the viewer, and the console: `npm run states -- FOLDER [NAME…]`.
// Each is in both themes and three widths, with the findings of axe, and in contact sheets. Names select states: `page-altered`.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { violations } from "../../js/test/axe.ts";
import { STATES as PAGE, PRINTED } from "../gallery/page/states.ts";
import { namesIn } from "../gallery/state.ts";
import { STATES as VIEWER } from "../gallery/viewer/states.ts";
import { CONSOLE_STATES } from "../test/console/states.ts";
import { launch } from "../test/page/browser.ts";

const [folder, ...wanted] = process.argv.slice(2);
if (folder === undefined) throw new Error("npm run states -- FOLDER [NAME…]");
const FOLDER = resolve(folder);
const GALLERY = fileURLToPath(new URL("../dist/gallery/", import.meta.url));

const THEMES = ["light", "dark"];
const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 800 },
  { width: 1600, height: 900 },
];
/** Maximum number of screens per page. */
const SCREENS = 2;
/** Pictures per row of a sheet, by their width. */
const BESIDE = { 390: 8, 1280: 3, 1600: 3, print: 4 };

const isWanted = (name) => wanted.length === 0 || wanted.some((part) => name.startsWith(part));
const found = [];

await mkdir(FOLDER, { recursive: true });

async function photograph(page, name) {
  for (const colorScheme of THEMES) {
    for (const size of SIZES) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize(size);
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
      const isModal = (await page.locator("dialog:modal").count()) > 0;
      const all = await page.evaluate(() => document.documentElement.scrollHeight);
      const height = isModal ? size.height : Math.min(all, SCREENS * size.height);
      const path = join(FOLDER, `${name}-${colorScheme}-${size.width}.png`);
      const clip = { x: 0, y: 0, width: size.width, height };
      await page.screenshot({ path, fullPage: !isModal, clip });
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wider > 0) found.push(`${name} ${colorScheme} ${size.width}: ${wider} px wider than the window`);
      if (size.width === 1600) continue;
      for (const violation of await violations(page))
        found.push(`${name} ${colorScheme} ${size.width}: ${violation}`);
    }
  }
}

/** Takes screenshots of the states in one file of the gallery. */
async function gallery(file, states) {
  const names = namesIn(states).filter((name) => isWanted(`${file}-${name}`));
  if (names.length === 0) return;
  const browser = await launch({ reducedMotion: "reduce" });
  const page = await browser.context.newPage();
  await page.goto(`${pathToFileURL(join(GALLERY, file)).href}.html?events=20000`);
  for (const name of names) {
    await page.setViewportSize(SIZES[1]);
    await page.evaluate((name) => location.replace(`#${name}`), name);
    await page.waitForFunction(
      (name) =>
        document.documentElement.dataset.state === name ||
        document.documentElement.dataset.failed !== undefined,
      name,
      { polling: 50 },
    );
    const failed = await page.evaluate(() => document.documentElement.dataset.failed);
    if (failed !== undefined) found.push(`${file}-${name}: ${failed}`);
    else if (PRINTED.some((printed) => printed === name)) await print(page, `${file}-${name}`);
    else await photograph(page, `${file}-${name}`);
  }
  await browser.close();
}

async function print(page, name) {
  await page.emulateMedia({ colorScheme: "light", media: "print" });
  await page.setViewportSize({ width: 794, height: 1123 });
  await page.screenshot({ path: join(FOLDER, `${name}-light-print.png`), fullPage: true });
  await page.emulateMedia({ media: "screen" });
}

async function console_() {
  for (const [name, state] of Object.entries(CONSOLE_STATES)) {
    if (!isWanted(`console-${name}`)) continue;
    const browser = await launch({ reducedMotion: "reduce", bypassCSP: true });
    const page = await browser.context.newPage();
    await page.setViewportSize(SIZES[1]);
    const close = await state(page).catch((error) => found.push(`console-${name}: ${error}`));
    if (typeof close === "function") {
      await photograph(page, `console-${name}`);
      await close();
    }
    await browser.close();
  }
}

/** Combines the screenshots into sheets, with their names. */
async function sheets() {
  const browser = await launch();
  const page = await browser.context.newPage();
  const files = (await readdir(FOLDER))
    .filter((file) => file.endsWith(".png") && !file.startsWith("sheet-"))
    .sort();
  for (const [width, beside] of Object.entries(BESIDE)) {
    const of = files.filter((file) => file.endsWith(`-${width}.png`));
    for (const subject of ["page", "viewer", "console"]) {
      const mine = of.filter((file) => file.startsWith(`${subject}-`));
      const each = beside * (width === "390" ? 2 : 3);
      for (let at = 0; at < mine.length; at += each) {
        const figures = mine.slice(at, at + each).map((file) => {
          const src = pathToFileURL(join(FOLDER, file)).href;
          return `<figure><figcaption>${file}</figcaption><img src="${src}"></figure>`;
        });
        const sheet = join(FOLDER, `sheet-${subject}-${width}-${String(at / each + 1).padStart(2, "0")}`);
        const style = `body{margin:8px;background:#888;display:grid;grid-template-columns:repeat(${beside},1fr);gap:8px;align-items:start}
          figure{margin:0}img{width:100%;display:block}figcaption{font:12px sans-serif}`;
        await writeFile(`${sheet}.html`, `<!doctype html><style>${style}</style>${figures.join("")}`);
        await page.setViewportSize({ width: 1900, height: 800 });
        await page.goto(pathToFileURL(`${sheet}.html`).href);
        await page.screenshot({ path: `${sheet}.png`, fullPage: true });
      }
    }
  }
  await browser.close();
}

/** Returns the states without a screenshot. */
async function missing() {
  const files = await readdir(FOLDER);
  const names = [
    ...namesIn(PAGE).map((name) => `page-${name}`),
    ...namesIn(VIEWER).map((name) => `viewer-${name}`),
    ...Object.keys(CONSOLE_STATES).map((name) => `console-${name}`),
  ];
  return names.filter((name) => isWanted(name) && !files.some((file) => file.startsWith(`${name}-light-`)));
}

await gallery("page", PAGE);
await gallery("viewer", VIEWER);
await console_();
await sheets();
for (const name of await missing()) found.push(`${name}: no screenshot`);
await writeFile(join(FOLDER, "found.txt"), found.map((line) => `${line}\n`).join(""));
console.log(found.length === 0 ? "nothing found" : found.join("\n"));
process.exitCode = found.length === 0 ? 0 : 1;
