// Clocks and temperatures over time.

import { element, figure, section } from "./dom.js";
import { unpackSeries } from "./packed.js";
import { makePyramid } from "./pyramid.js";
import { seriesPlot } from "./seriesplot.js";
import { table } from "./table.js";
import { label, number } from "./text.js";

// What is told when it changes holds until the next time, and the last one until the end.
export function heldUntil(end, { times, values }) {
  const last = values.length - 1;
  return end > times[last] ? { times: [...times, end], values: [...values, values[last]] } : { times, values };
}

function plotOf(description, unit, packed, factor, end) {
  const all = packed.map(unpackSeries).filter((one) => one.times.length > 0)
    .map((one) => ({ ...one, values: one.values.map((value) => value * factor) }));
  if (all.length === 0) return [element("p", { class: "dim" }, `${description}: the board told none.`)];
  const pyramidOf = ({ times, values }) => makePyramid(Float64Array.from(times), Float64Array.from(values));
  const plot = seriesPlot({
    description, unit, height: 240,
    series: all.map((one, i) => ({ name: label(one.name, 40), pyramid: pyramidOf(heldUntil(end, one)), color: i % 8,
      dash: i < 8 ? undefined : [6, 3] })),
    full: [Math.min(0, ...all.map((one) => one.times[0])), Math.max(end, 1e-6)],
    rangeOf: (low, high) => high > low ? [low - 0.1 * (high - low), high + 0.1 * (high - low)] : [low - 1, low + 1],
  });
  const rows = all.map((one) => ({ name: one.name, count: one.values.length, first: one.values[0], last: one.values[one.values.length - 1],
    low: one.values.reduce((a, b) => Math.min(a, b)), high: one.values.reduce((a, b) => Math.max(a, b)) }));
  const value = (title, key) => ({ title: `${title} (${unit})`, value: (row) => row[key], show: (row) => number(row[key]) });
  return [plot.tools, figure(description, plot.root), table(`${description}: first, lowest, highest and last reading`, [
    { title: "name", value: (row) => row.name, isName: true }, { title: "readings", value: (row) => row.count },
    value("first", "first"), value("lowest", "low"), value("highest", "high"), value("last", "last")], rows)];
}

export function conditionsSection(run) {
  const { timeline } = run;
  return section("conditions", "Clocks and temperatures",
    ...plotOf("Clocks over time", "MHz", timeline.clocks, 1e-6, timeline.end_s),
    ...plotOf("Temperatures over time", "\u00b0C", timeline.temperatures, 1, timeline.end_s));
}
