// Runs in the page before anything else: observes its thread, and searches in the viewer as people do.
globalThis.probe = (() => {
  /** The durations of long tasks in milliseconds; those below 50 aren't reported. */
  const tasks = [];
  /** The delays from a key press until the page handles it. */
  const delays = [];
  /** The times from a key press until its effect is painted; those below 16 ms aren't reported. */
  const paints = [];
  /** The timeout of a search, so that a missing result is reported. */
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
  /** Resolves after the current frame was painted. */
  const painted = async () => {
    const { port1, port2 } = new MessageChannel();
    await new Promise((heard) => {
      port1.onmessage = heard;
      port2.postMessage(0);
    });
    return performance.now();
  };

  /** Returns the first matching element, including those in open shadow trees. */
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

  /** True if rows in view aren't drawn yet. */
  function isUnread() {
    const box = grid().getBoundingClientRect();
    return [...grid().querySelectorAll(".row.unread")].some((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return bottom > box.top && top < box.bottom;
    });
  }

  /** True if the chart and the value counts belong to this result in the next frame. */
  function isCharted(found) {
    const views = [find("cs-histogram"), find("cs-facets")];
    return views.every((view) => view?.found === found && !view.isUpdatePending);
  }

  /** Starts a search, and returns the times until the first rows and until the whole result was shown. */
  async function search(start) {
    const before = rows().found?.query ?? 0;
    const begun = await start();
    let first;
    for (;;) {
      await frame();
      const { found } = rows();
      if (performance.now() - begun > PATIENCE) {
        const { query, complete, searched, of } = found ?? {};
        const state = { before, query, complete, searched, of, busy: grid().getAttribute("aria-busy"), unread: isUnread() };
        throw new Error(`a search timed out: ${JSON.stringify(state)}`);
      }
      const isAnswered = found !== undefined && found.query > before;
      const isDrawn = isAnswered && grid().getAttribute("aria-busy") === "false" && !isUnread();
      const isAll = isDrawn && found.complete && isCharted(found);
      const at = isDrawn ? await painted() : undefined;
      if (isDrawn && found.events > 0) first ??= at - begun;
      if (isAll) return { first, all: at - begun, events: found.events };
    }
  }

  /** The times at which the auditor's page showed its states, and the layout shifts that no input caused. */
  let states;
  const recordStates = () => {
    const has = (selector) => document.querySelector(selector) !== null;
    const now = performance.now();
    states.rows ??= find(".row.event:not(.unread)") === null ? undefined : now;
    if (has(".verdict")) states.verdict ??= now;
    if (has(".verdict") && !has(".indexing")) states.indexed ??= now;
    if (states.indexed === undefined) requestAnimationFrame(recordStates);
  };

  return {
    find,
    startPage: () => {
      states = { shift: 0 };
      addEventListener("choose-files", () => (states.chosen = performance.now()), { capture: true });
      new PerformanceObserver((list) => {
        for (const { value, hadRecentInput } of list.getEntries()) {
          if (states.chosen !== undefined && !hadRecentInput) states.shift += value;
        }
      }).observe({ type: "layout-shift" });
      requestAnimationFrame(recordStates);
    },
    /** Resolves when the auditor's page has indexed all events. */
    async waitForIndex() {
      while (states.indexed === undefined) await frame();
      return { ...states, says: document.querySelector("#verdict-heading").textContent.trim() };
    },
    grid,
    /** The time of the report, and its verdict. */
    report() {
      grid()?.focus();
      return report;
    },
    /** The time when all findings were shown. */
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
    /** True if everything was loaded and is shown. */
    isShown: () => {
      const found = rows()?.found;
      return found?.complete === true && found.of === report?.events && !isUnread();
    },
    asks: (text) =>
      search(() => {
        const input = find(".query-input");
        const begun = performance.now();
        input.focus();
        input.value = text;
        input.dispatchEvent(new InputEvent("input", { bubbles: true }));
        input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
        return begun;
      }),
    /** Removes all filters. Selected values and times are filters. */
    async removeFilters() {
      for (;;) {
        const filter = find("#query-filters .filter");
        if (filter === null) return;
        await search(() => {
          const begun = performance.now();
          filter.click();
          return begun;
        });
      }
    },
    /** Selects the nth value of a facet. */
    facet: (column, nth) =>
      search(() => {
        const begun = performance.now();
        find("cs-facets").querySelectorAll(`.facet[data-column="${column}"] .chip`)[nth].click();
        return begun;
      }),
    /** Searches by mouse actions. */
    brushed: () => {
      released = 0;
      return search(async () => {
        while (released === 0) await frame();
        return released;
      });
    },
    /** The time from the last key press until this row was shown. */
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
    /** The intervals between frames, and the number of frames with rows that weren't loaded yet. */
    takeFrames: () => {
      frames.stopped = true;
      return { apart: frames.times.slice(1).map((time, at) => time - frames.times[at]), unread: frames.unread };
    },
  };
})();
