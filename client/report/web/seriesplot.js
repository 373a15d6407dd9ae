// Values over time, of any number: a plot that zooms and pans, by mouse, keys and buttons.

import { element } from "./dom.js";
import { columnsOf, countIn, valuesIn } from "./pyramid.js";
import { tickTexts } from "./scales.js";
import { duration } from "./text.js";

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// What uPlot draws of `from` to `to`: the values themselves where they have room, else the lowest and the highest of
// each of `columns` stretches.
export function dataOf(pyramids, from, to, columns) {
  if (pyramids.every((pyramid) => countIn(pyramid, from, to) <= 2 * columns)) {
    return { isWhole: true, data: uPlot.join(pyramids.map((pyramid) => valuesIn(pyramid, from, to))) };
  }
  const times = Array.from({ length: 2 * columns }, (_, i) => from + (to - from) * (i + 0.5) / (2 * columns));
  return { isWhole: false, data: [times, ...pyramids.map((pyramid) => columnsOf(pyramid, from, to, columns))] };
}

// A bar a column, from its lowest to its highest value and on to where the one before was: a stroked line of as many turns
// takes a browser without a GPU ten times as long.
function drawColumns(u, place) {
  const values = u.data[place], count = values.length / 2, { left, width } = u.bbox, { ctx } = u;
  ctx.save();
  ctx.fillStyle = u.series[place].stroke(u, place);
  let before = null;
  for (let i = 0; i < count; ++i) {
    const low = values[2 * i], high = values[2 * i + 1];
    if (low === null) continue;
    const from = before === null ? low : Math.min(low, before[1]), to = before === null ? high : Math.max(high, before[0]);
    before = [low, high];
    const top = Math.round(u.valToPos(to, "y", true)), x = Math.round(left + width * i / count);
    const thick = Math.max(devicePixelRatio, Math.round(u.valToPos(from, "y", true)) - top);
    ctx.fillRect(x, top, Math.max(1, Math.round(left + width * (i + 1) / count) - x), thick);
  }
  ctx.restore();
  return null;
}

function optionsOf(plot, width) {
  const stepped = uPlot.paths.stepped({ align: 1 });
  // Not uPlot's own texts, which follow the browser's language.
  const texts = (u, marks) => tickTexts(marks);
  const axis = { values: texts, stroke: () => color("--ink"), grid: { stroke: () => color("--line") }, ticks: { stroke: () => color("--line") } };
  return {
    width, height: plot.height, padding: [plot.top + 8, 12, 0, 0],
    cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: 30 } },
    legend: { markers: { stroke: (u, place) => (place > 0 ? `var(--c${plot.series[place - 1].color})` : "transparent") } },
    scales: { x: { time: false }, y: { range: (u, low, high) => plot.rangeOf(low ?? 0, high ?? 1) } },
    axes: [{ ...axis, space: 80, label: "time since the run's begin (s)", labelSize: 22 }, { ...axis, label: plot.unit, labelSize: 22, size: 64 }],
    series: [{ label: "at (s)", value: (u, value) => (value === null ? "" : value.toFixed(6)) }, ...plot.series.map((one) => ({
      label: one.name, stroke: () => color(`--c${one.color}`), width: 1, spanGaps: true, points: { show: false },
      dash: one.dash, value: (u, value) => (value === null || value === undefined ? "" : value.toFixed(3)),
      paths: (u, place, first, last) => plot.isWhole ? stepped(u, place, first, last) : drawColumns(u, place),
    }))],
    hooks: {
      drawClear: [(u) => plot.under(u)],
      setSelect: [(u) => {
        if (u.select.width < 4) return;
        plot.show(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      setCursor: [(u) => plot.pointed(u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null)],
    },
  };
}

function bindKeys(plot) {
  const keys = {
    "+": () => plot.zoom(0.5), "=": () => plot.zoom(0.5), "-": () => plot.zoom(2), ArrowLeft: () => plot.pan(-0.25),
    ArrowRight: () => plot.pan(0.25), Home: () => plot.show(...plot.full), 0: () => plot.show(...plot.full),
  };
  plot.root.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
}

function bindMouse(plot) {
  const over = plot.chart.over;
  over.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== plot.root) return; // else the page scrolls
    event.preventDefault();
    plot.zoom(event.deltaY < 0 ? 0.8 : 1.25, plot.chart.posToVal(event.offsetX, "x"));
  }, { passive: false });
  over.addEventListener("dblclick", () => plot.show(...plot.full));
  over.addEventListener("mousedown", (event) => {
    plot.root.focus({ preventScroll: true });
    if (!event.shiftKey) return;
    event.stopImmediatePropagation(); // moves instead of selecting
    let before = event.clientX;
    const move = (moved) => { plot.pan((before - moved.clientX) / over.clientWidth); before = moved.clientX; };
    const end = () => { removeEventListener("mousemove", move); removeEventListener("mouseup", end); };
    addEventListener("mousemove", move);
    addEventListener("mouseup", end);
  }, true);
}

function toolsOf(plot) {
  const button = (text, name, action) => element("button", { type: "button", "aria-label": name, title: name, onclick: action }, text);
  return element("div", { class: "tools" },
    button("+", "zoom in", () => plot.zoom(0.5)), button("\u2212", "zoom out", () => plot.zoom(2)),
    button("\u25c0", "earlier", () => plot.pan(-0.25)), button("\u25b6", "later", () => plot.pan(0.25)),
    button("all", "show all of the run", () => plot.show(...plot.full)), plot.span,
    element("span", { class: "dim" }, "drag: zoom to it; Shift and drag: move; wheel with Ctrl, or + \u2212 \u2190 \u2192 Home where the plot has the focus"));
}

// wanted: {description, unit, height, series: [{name, pyramid, color, dash}], full: [from, to], top: height above the plot,
// rangeOf(low, high), under(u), pointed(time or null), shown(from, to)}
export function seriesPlot(wanted) {
  const plot = { top: 0, rangeOf: (low, high) => [low, high], under() {}, pointed() {}, shown() {}, ...wanted };
  const pyramids = plot.series.map((one) => one.pyramid);
  plot.root = element("div", { class: "plot", tabindex: "0", role: "group", "aria-label": plot.description });
  plot.span = element("span", { role: "status" });
  const width = () => Math.max(280, plot.root.clientWidth || Math.min(1400, innerWidth) - 32);
  plot.show = (from, to) => {
    const [begin, end] = plot.full;
    const length = Math.min(end - begin, Math.max(1e-6, to - from));
    from = Math.max(begin, Math.min(from, end - length));
    [plot.from, plot.to] = [from, from + length];
    const { isWhole, data } = dataOf(pyramids, plot.from, plot.to, width());
    plot.isWhole = isWhole;
    plot.chart.batch(() => {
      plot.chart.setData(data, false);
      plot.chart.setScale("x", { min: plot.from, max: plot.to });
    });
    plot.span.textContent = `${plot.from.toFixed(4)} s to ${plot.to.toFixed(4)} s (${duration(length)})`;
    plot.shown(plot.from, plot.to);
  };
  plot.zoom = (factor, at = (plot.from + plot.to) / 2) => plot.show(at - (at - plot.from) * factor, at + (plot.to - at) * factor);
  plot.pan = (share) => { const by = share * (plot.to - plot.from); plot.show(plot.from + by, plot.to + by); };
  plot.chart = new uPlot(optionsOf(plot, width()), [[], ...pyramids.map(() => [])], plot.root);
  plot.show(...plot.full);
  bindKeys(plot);
  bindMouse(plot);
  const recolor = () => {
    if (plot.root.isConnected) plot.chart.redraw(false);
    else document.removeEventListener("theme", recolor);
  };
  document.addEventListener("theme", recolor);
  new ResizeObserver(() => {
    if (plot.chart.width === width()) return;
    plot.chart.setSize({ width: width(), height: plot.height });
    plot.show(plot.from, plot.to);
  }).observe(plot.root);
  plot.tools = toolsOf(plot);
  return plot;
}
