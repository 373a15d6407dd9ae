// Operators against each other: time and energy, costs and speed; and what kinds of them take.

import { bars, legend, scatter } from "./charts.js";
import { element, figure, replace, section } from "./dom.js";
import { energyOf, energyText, railChoice, typeColors } from "./energy.js";
import { sorted, table } from "./table.js";
import { number, percent } from "./text.js";

const NAMED = 8; // points with their names beside them

function withNames(points, size) {
  const named = new Set(sorted(points, size, true).slice(0, NAMED));
  return points.map((point) => ({ ...point, named: named.has(point) }));
}

function timeAndEnergy(document, rail, colors) {
  const points = document.ops.map((op) => ({ op, energy: energyOf(op, rail) })).filter(({ energy }) => energy.mean !== null)
    .map(({ op, energy }) => ({
      name: op.name, x: 1e3 * op.time_s.mean, y: 1e3 * energy.mean, low: energy.low === null ? null : 1e3 * energy.low,
      high: energy.high === null ? null : 1e3 * energy.high, color: colors.of(op.type),
      shown: `${number(1e3 * op.time_s.mean)} ms, ${energyText(energy)} mJ`,
    }));
  const description = `Energy of an execution on ${rail} against its time, each operator, 95 % intervals; its numbers are in the operators' table`;
  return [element("h3", {}, "Time against energy"), points.length === 0 ? element("p", { class: "dim" }, "No operator's energy is known alone.")
    : figure(description, scatter(description, "time (ms)", "energy (mJ)", withNames(points, (point) => point.y)), legend(colors.names))];
}

// Of operators whose costs are known: FLOP/byte, GFLOP/s, GFLOP/J (null: its energy is not known alone).
export function rooflineOf(document, rail) {
  return document.ops.filter((op) => op.flops > 0 && op.bytes_read + op.bytes_written > 0 && op.time_s.mean > 0).map((op) => {
    const { mean } = energyOf(op, rail);
    return { op, intensity: op.flops / (op.bytes_read + op.bytes_written), speed: op.flops / op.time_s.mean / 1e9,
      efficiency: mean > 0 ? op.flops / mean / 1e9 : null };
  });
}

function rooflinePlot(title, unit, rows, key, colors) {
  const points = rows.filter((row) => row[key] !== null).map((row) => ({
    name: row.op.name, x: row.intensity, y: row[key], color: colors.of(row.op.type),
    shown: `${number(row.intensity)} FLOP/byte, ${number(row[key])} ${unit}`,
  }));
  if (points.length === 0) return element("p", { class: "dim" }, `${title}: not known of any operator.`);
  const roof = { flat: Math.max(...points.map((point) => point.y)), slope: Math.max(...points.map((point) => point.y / point.x)) };
  const description = `${title} against arithmetic intensity; dashed: the most that any operator reached, per ${unit === "GFLOP/s" ? "second" : "joule"}, of FLOPs and of bytes`;
  return figure(description, scatter(description, "arithmetic intensity (FLOP/byte)", unit, withNames(points, (point) => point.y), { roof }));
}

function roofline(document, rail, colors) {
  const rows = rooflineOf(document, rail);
  if (rows.length === 0) return [element("h3", {}, "Speed and efficiency"), element("p", { class: "dim" }, "The costs of no operator are known.")];
  return [element("h3", {}, "Speed and efficiency"),
    element("div", { class: "columns" }, rooflinePlot("GFLOP/s of each operator", "GFLOP/s", rows, "speed", colors),
      rooflinePlot(`GFLOP/J of each operator on ${rail}`, "GFLOP/J", rows, "efficiency", colors)),
    legend(colors.names),
    table(`Intensity, speed and efficiency of each operator on ${rail}`, [
      { title: "#", value: (row) => row.op.index }, { title: "operator", value: (row) => row.op.name, isName: true },
      { title: "type", value: (row) => row.op.type, isText: true },
      { title: "FLOP/byte", value: (row) => row.intensity, show: (row) => number(row.intensity) },
      { title: "GFLOP/s", value: (row) => row.speed, show: (row) => number(row.speed) },
      { title: "GFLOP/J", value: (row) => row.efficiency, show: (row) => number(row.efficiency) },
    ], rows, 3)];
}

export function kindOf(type) {
  if (/^(Int8)?Conv/.test(type)) return "convolution";
  return /Pool/.test(type) ? "pooling" : "others";
}

// Shares of time and of energy of an inference. What is in no type of its own with a known energy counts as others.
export function kindsOf(document, rail) {
  const whole = document.per_inference.energy_j?.[rail]?.mean ?? null;
  const time = document.types.reduce((sum, type) => sum + type.time_s, 0);
  const kinds = ["convolution", "pooling", "others"].map((kind) => {
    const types = document.types.filter((type) => kindOf(type.type) === kind);
    const isKnown = whole > 0 && types.every((type) => type.energy_j?.[rail] !== null);
    return { kind, time: time > 0 ? types.reduce((sum, type) => sum + type.time_s, 0) / time : null,
      energy: isKnown ? types.reduce((sum, type) => sum + type.energy_j[rail], 0) / whole : null };
  });
  const [convolution, pooling, others] = kinds;
  if (others.energy === null && convolution.energy !== null && pooling.energy !== null) {
    others.energy = 1 - convolution.energy - pooling.energy;
  }
  return kinds;
}

function breakdown(document, rail) {
  const kinds = kindsOf(document, rail);
  const items = kinds.flatMap((kind, color) => [["time", kind.time], ["energy", kind.energy]]
    .filter(([, share]) => share !== null)
    .map(([what, share]) => ({ name: `${kind.kind}, ${what}`, value: 100 * share, shown: `${percent(share)} %`, color })));
  const description = `Convolution, pooling and others: shares of the time and, on ${rail}, of the energy of an inference`;
  return [element("h3", {}, "Breakdown by type"), element("div", { class: "columns" }, figure(description, bars(description, "%", items)),
    table(description, [{ title: "type", value: (kind) => kind.kind, isName: true },
      { title: "time (%)", value: (kind) => kind.time, show: (kind) => percent(kind.time) },
      { title: "energy (%)", value: (kind) => kind.energy, show: (kind) => percent(kind.energy) }], kinds))];
}

export function plotsSection(run) {
  const { document } = run;
  if (run.rail_names.length === 0) return section("plots", "Operators compared", element("p", {}, "The board has no rail."));
  const colors = typeColors(document), place = element("div");
  const rails = railChoice(run, (rail) =>
    replace(place, ...breakdown(document, rail), ...timeAndEnergy(document, rail, colors), ...roofline(document, rail, colors)));
  return section("plots", "Operators compared", element("p", { class: "tools" }, rails), place);
}
