// Bars and scatters, as SVG. Colours and lines are page.css's.

import { element, svg } from "./dom.js";
import { placeLabels } from "./labels.js";
import { label } from "./text.js";
import { scale, tickText } from "./scales.js";

const WIDTH = 640, NAME = 22; // characters of a name beside a point
const BAR_NAME = 30, BAR_LEFT = 196; // characters of one beside a bar, and where the bars begin
export const COLORS = 8;

export function colorClass(place) {
  return `c${place % COLORS}`;
}

function root(description, height) {
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": description });
}

let canvas = null;
function widthOf(text) { // as page.css has the texts of a picture
  canvas ??= document.createElement("canvas").getContext("2d");
  canvas.font = "13px system-ui, sans-serif";
  return canvas.measureText(text).width;
}

// As much of a name as has room; `width`: of a text.
export function fitting(name, most, room, width = widthOf) {
  for (let characters = most; characters > 1; --characters) {
    const text = label(name, characters);
    if (width(text) <= room) return text;
  }
  return label(name, 1);
}

function barOf(item, y, left, x) {
  const from = x(0), to = x(item.value);
  const parts = [
    svg("title", {}, `${label(item.name, 200)}: ${item.shown}`),
    svg("text", { x: left - 6, y: y + 13, class: "end" }, fitting(item.name, BAR_NAME, left - 8)),
    svg("rect", { x: Math.min(from, to), y: y + 3, width: Math.abs(to - from), height: 11, class: colorClass(item.color ?? 0) }),
  ];
  if (item.low !== null && item.low !== undefined) {
    const [low, high] = [x(item.low), x(item.high)];
    parts.push(svg("path", { class: "whisker", d: `M${low} ${y + 5}v7m0-3.5H${high}m0-3.5v7` }));
  }
  return svg("g", { class: "bar" }, ...parts);
}

// items: {name, value, low, high, shown: the value with its unit, color}; at most the 30 largest have room.
export function bars(description, unit, items) {
  const shown = items.slice(0, 30);
  const left = BAR_LEFT, right = WIDTH - 24, height = 18 * shown.length + 34;
  const axis = scale(shown.flatMap((item) => [item.value, item.low ?? item.value, item.high ?? item.value]), { fromZero: true });
  const x = (value) => left + Math.max(0, Math.min(1, axis.at(value))) * (right - left);
  const plot = root(description, height);
  for (const mark of axis.marks) {
    plot.append(svg("path", { class: "grid", d: `M${x(mark)} 0V${height - 32}` }),
      svg("text", { x: x(mark), y: height - 18, class: "middle" }, tickText(mark)));
  }
  plot.append(svg("text", { x: (left + right) / 2, y: height - 3, class: "middle" }, unit));
  shown.forEach((item, i) => plot.append(barOf(item, 18 * i, left, x)));
  return plot;
}

const SHAPES = [
  (x, y) => `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0-8 0z`, (x, y) => `M${x - 4} ${y - 4}h8v8h-8z`,
  (x, y) => `M${x} ${y - 5}l5 9h-10z`, (x, y) => `M${x} ${y - 5}l5 5l-5 5l-5-5z`,
  (x, y) => `M${x} ${y + 5}l5-9h-10z`, (x, y) => `M${x - 5} ${y - 2}h3v-3h4v3h3v4h-3v3h-4v-3h-3z`,
];

// place: of its name, or null.
function pointOf(item, px, py, y, place) {
  const point = svg("g", { class: "point" }, svg("title", {}, `${label(item.name, 200)}: ${item.shown}`));
  if (item.low !== null && item.low !== undefined && item.low > 0) {
    point.append(svg("path", { class: "whisker", d: `M${px} ${y(item.low)}V${y(item.high)}` }));
  }
  point.append(svg("path", { class: colorClass(item.color), d: SHAPES[item.color % SHAPES.length](px, py) }));
  if (place) point.append(svg("text", { x: place.x, y: place.y, class: place.anchor }, label(item.name, NAME)));
  return point;
}

// Up by `slope` to `flat`; on logarithmic axes both parts are straight.
function roofPath({ flat, slope }, x, y, axis) {
  const first = axis.marks[0], last = axis.marks[axis.marks.length - 1], knee = Math.min(last, Math.max(first, flat / slope));
  const at = (value) => `${x(value)} ${y(Math.min(flat, slope * value))}`;
  return `M${at(first)}L${at(knee)}L${at(last)}`;
}

// points: {name, x, y, low, high: of y, shown, color, named}; those that an axis has no place for are left out.
// roof: {flat, slope}, drawn where it is given.
export function scatter(description, xTitle, yTitle, points, { xLog = true, yLog = true, roof = null } = {}) {
  const fits = (value, isLog) => Number.isFinite(value) && (!isLog || value > 0);
  const known = points.filter((point) => fits(point.x, xLog) && fits(point.y, yLog));
  const left = 64, right = WIDTH - 96, bottom = 330, height = 372;
  const xAxis = scale(known.map((point) => point.x), { isLog: xLog });
  const yAxis = scale(known.map((point) => point.y), { isLog: yLog });
  const x = (value) => left + xAxis.at(value) * (right - left);
  const y = (value) => bottom - Math.max(0, Math.min(1.02, yAxis.at(value))) * (bottom - 10);
  const plot = root(description, height);
  for (const mark of xAxis.marks) {
    plot.append(svg("path", { class: "grid", d: `M${x(mark)} 10V${bottom}` }),
      svg("text", { x: x(mark), y: bottom + 16, class: "middle" }, tickText(mark)));
  }
  for (const mark of yAxis.marks) {
    plot.append(svg("path", { class: "grid", d: `M${left} ${y(mark)}H${right}` }),
      svg("text", { x: left - 6, y: y(mark) + 4, class: "end" }, tickText(mark)));
  }
  plot.append(svg("text", { x: (left + right) / 2, y: height - 8, class: "middle" }, xTitle),
    svg("text", { transform: `translate(14 ${bottom / 2}) rotate(-90)`, class: "middle" }, yTitle));
  if (roof) plot.append(svg("path", { class: "frontier", d: roofPath(roof, x, y, xAxis) }));
  const at = known.map((point) => ({ px: x(point.x), py: y(point.y), text: point.named ? label(point.name, NAME) : "" }));
  const places = placeLabels(at, [left + 2, 4, WIDTH - 2, bottom], widthOf);
  plot.append(...known.map((point, i) => pointOf(point, at[i].px, at[i].py, y, places[i])));
  return plot;
}

// names: in the order of their colours.
export function legend(names) {
  return element("div", { class: "legend", "aria-hidden": "true" }, ...names.map((name, i) => element("span", {},
    svg("svg", { viewBox: "0 0 12 12" }, svg("path", { class: colorClass(i), d: SHAPES[i % SHAPES.length](6, 6) })), label(name, 30))));
}
