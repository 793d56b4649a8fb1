import { readFileSync } from "node:fs"; import { join } from "node:path"; import { launch, serve } from "./page/browser.mjs";
const folder = process.argv[2]; const server = await serve(); const { page, memory, close } = await launch(); page.setDefaultTimeout(600000);
page.on("console",(m)=>console.error(m.text())); page.on("pageerror", (e) => { console.error(e); });
await page.goto(`${server.address}/viewer`);
await page.waitForFunction(() => customElements.get("countersign-viewer") !== undefined);
await page.setInputFiles("input", join(folder, "export.ndjson"));
const stop = memory.watch();
const r = await page.evaluate(async (trust) => {
  const v = document.querySelector("countersign-viewer"); v.setAttribute("rules", "/js/packages/viewer/dist/rules.json"); v.trustText = trust;
  const begun = performance.now(); v.file = document.querySelector("input").files[0];
  let at; 
  for (;;) { await new Promise((r) => setTimeout(r, 50)); const d = (function f(r){ for (const e of r.querySelectorAll('*')) { if (e.detection?.isFinal !== undefined) return e.detection; const x = e.shadowRoot && f(e.shadowRoot); if (x) return x; } })(document); const s = d && { report: d.session.report, detection: d, phase: d.session.phase, progress: d.session.progress }; if (performance.now() - (globalThis.lt ?? 0) > 3000) { globalThis.lt = performance.now(); console.log('state', s?.phase, JSON.stringify(s?.progress), JSON.stringify(s?.detection?.told)?.slice(0,200), JSON.stringify(s?.detection?.failure)); } if (s?.report && at === undefined) at = performance.now() - begun; if (s?.detection?.failure) return s.detection.failure; if (s?.detection?.isFinal) return { verified: at, final: performance.now() - begun, findings: s.detection.told.findings, keys: Object.keys(s.detection.told).join() }; }
}, readFileSync(join(folder, "trust.txt"), "utf8"));
stop(); const {pss,browser}=await memory.now();
console.log(JSON.stringify(r), "peak pss", (memory.peak.pss/1e6).toFixed(0), "browser peak", (memory.peak.browser/1e6).toFixed(0), "now", (pss/1e6).toFixed(0), (browser/1e6).toFixed(0));
await close(); server.close();
