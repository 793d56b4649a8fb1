// Run in the page before anything else: sees what happens on its thread, and asks the viewer as people do.
globalThis.probe = (() => {
  /** How long the thread did nothing but one task, in milliseconds; shorter ones than 50 are not told. */
  const tasks = [];
  /** How long keys waited until the page heard of them. */
  const delays = [];
  /** How long it took from a key until what came of it was painted; shorter ones than 16 are not told. */
  const paints = [];
  /** How long a question may take: whoever waits for one that is never answered learns nothing. */
  const PATIENCE = 120_000;
  let pressed = 0;
  let released = 0;
  let frames;
  let report;

  addEventListener("countersign-report", ({ detail }) => {
    const { verdict, counts } = detail.report;
    report ??= { at: performance.now(), verdict, events: counts.events };
  });
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) tasks.push({ at: startTime, took: duration });
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === "keydown") paints.push(duration);
  }).observe({ type: "event", durationThreshold: 16 });
  addEventListener(
    "keydown",
    ({ timeStamp, isTrusted }) => {
      if (!isTrusted) return;
      pressed = timeStamp;
      delays.push(performance.now() - timeStamp);
    },
    { capture: true },
  );
  addEventListener("pointerup", ({ timeStamp }) => (released = timeStamp), { capture: true });

  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  /** After the frame was painted that is being made. */
  const painted = async () => {
    const { port1, port2 } = new MessageChannel();
    await new Promise((heard) => {
      port1.onmessage = heard;
      port2.postMessage(0);
    });
    return performance.now();
  };

  /** The first such element, within open shadow trees too. */
  function find(selector, root = document) {
    const found = root.querySelector(selector);
    if (found) return found;
    for (const { shadowRoot } of root.querySelectorAll("*")) {
      const inner = shadowRoot && find(selector, shadowRoot);
      if (inner) return inner;
    }
    return null;
  }
  const rows = () => find("cs-rows");
  const grid = () => find("cs-rows .scroller");

  /** Whether rows in view are not drawn yet. */
  function isUnread() {
    const box = grid().getBoundingClientRect();
    return [...grid().querySelectorAll(".row.unread")].some((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return bottom > box.top && top < box.bottom;
    });
  }

  /** Whether the chart and the counts of values are of this answer, as the next frame paints them. */
  function isCharted(found) {
    const views = [find("cs-histogram"), find("cs-facets")];
    return views.every((view) => view?.found === found && !view.isUpdatePending);
  }

  /** Asks in some way; gives how long it took until the first rows and until all of the answer was seen. */
  async function asked(ask) {
    const before = rows().found?.question ?? 0;
    const begun = await ask();
    let first;
    for (;;) {
      await frame();
      const { found } = rows();
      if (performance.now() - begun > PATIENCE) {
        const { question, complete, searched, of } = found ?? {};
        const stands = { before, question, complete, searched, of, busy: grid().getAttribute("aria-busy"), unread: isUnread() };
        throw new Error(`a question was not answered in time: ${JSON.stringify(stands)}`);
      }
      const isAnswered = found !== undefined && found.question > before;
      const isDrawn = isAnswered && grid().getAttribute("aria-busy") === "false" && !isUnread();
      const isAll = isDrawn && found.complete && isCharted(found);
      const at = isDrawn ? await painted() : undefined;
      if (isDrawn && found.events > 0) first ??= at - begun;
      if (isAll) return { first, all: at - begun, events: found.events };
    }
  }

  return {
    find,
    grid,
    /** When there was a report, and its verdict. */
    report() {
      grid()?.focus();
      return report;
    },
    /** When all findings were there. */
    async found() {
      for (;;) {
        await frame();
        const { isFinal, failure } = find("cs-detections")?.detection ?? {};
        if (failure) throw new Error(failure.message);
        if (isFinal) return painted();
      }
    },
    tasks: (since = 0) => tasks.filter(({ at }) => at >= since).map(({ took }) => took),
    takeKeys: () => ({ delays: delays.splice(0), paints: paints.splice(0) }),
    /** Whether all there is was taken and is shown. */
    isShown: () => {
      const found = rows()?.found;
      return found?.complete === true && found.of === report?.events && !isUnread();
    },
    asks: (text) =>
      asked(() => {
        const input = find(".query-input");
        const begun = performance.now();
        input.focus();
        input.value = text;
        input.dispatchEvent(new InputEvent("input", { bubbles: true }));
        input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
        return begun;
      }),
    /** Takes the nth value of a facet, or leaves it. */
    facet: (column, nth) =>
      asked(() => {
        const begun = performance.now();
        find("cs-facets").querySelectorAll(`.facet[data-column="${column}"] .chip`)[nth].click();
        return begun;
      }),
    /** What the mouse does meanwhile asks. */
    brushed: () => {
      released = 0;
      return asked(async () => {
        while (released === 0) await frame();
        return released;
      });
    },
    /** How long it took from the last key until this row was seen. */
    async saw(row) {
      for (;;) {
        await frame();
        const shown = grid().querySelector(`.row[aria-rowindex="${row + 2}"]:not(.unread)`);
        if (shown !== null && shown.classList.contains("current") && !isUnread()) return (await painted()) - pressed;
      }
    },
    startFrames: () => {
      const seen = { times: [], unread: 0, stopped: false };
      frames = seen;
      const next = (time) => {
        if (seen.stopped) return;
        seen.times.push(time);
        seen.unread += isUnread() ? 1 : 0;
        requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    },
    /** How far frames were apart, and how many showed rows that were not read yet. */
    takeFrames: () => {
      frames.stopped = true;
      return { apart: frames.times.slice(1).map((time, at) => time - frames.times[at]), unread: frames.unread };
    },
  };
})();
