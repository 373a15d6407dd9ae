// Several runs beside each other.

import { bars, legend, scatter } from "./charts.js";
import { choice, element, figure, markSimulated, replace, section } from "./dom.js";
import { half, originOf, railOf, verdictOf, wholeOf } from "./summary.js";
import { table } from "./table.js";
import { INTERVAL, label, number, withInterval } from "./text.js";

const WHOLE = "the one that contains the others, or the sum of those beside each other";

// Bands of published accuracy, as colours and shapes.
const BANDS = ["top-1 below 60 %", "60 to 70 %", "70 to 75 %", "75 % and more", "not known"];
function bandOf(top1) {
  if (top1 === null) return 4;
  return top1 < 60 ? 0 : top1 < 70 ? 1 : top1 < 75 ? 2 : 3;
}

// {name, energy_j, ..., scope: of all its rails, or null}
function measuredOn(run, choiceOfRail) {
  if (choiceOfRail === WHOLE) return wholeOf(run);
  return { ...railOf(run.document.per_inference, choiceOfRail), rails: [choiceOfRail],
    scope: run.document.rails.find((rail) => rail.name === choiceOfRail)?.scope ?? null };
}

export function rowOf(run, choiceOfRail = WHOLE) {
  const { document } = run, on = measuredOn(run, choiceOfRail);
  const energy = on?.energy_j ?? null, time = document.iteration_time_s;
  return { run, on, name: `${document.run.number}: ${document.run.net}`, energy: energy?.mean ?? null, energyHalf: half(energy?.ci95),
    time: time?.mean ?? null, timeHalf: half(time?.ci95), top1: run.published_accuracy?.top1_percent ?? null,
    top5: run.published_accuracy?.top5_percent ?? null };
}

function kindOf(on) {
  if (on.scope === null) return "what took the most of rails beside each other";
  const scope = label(on.scope, 20);
  return on.rails.length > 1 ? `${scope}s, added up` : scope;
}

// Where the energies are of: "VDD_IN (module): runs 1, 2; GPU + CPU (components, added up): run 4". `differ`: what one of
// them includes another may leave out.
export function placesOf(rows) {
  const numbers = new Map(), kinds = new Set();
  for (const { run, on } of rows.filter((row) => row.on !== null && row.energy !== null)) {
    const place = `${label(on.name, 120)} (${kindOf(on)})`;
    numbers.set(place, [...(numbers.get(place) ?? []), run.document.run.number]);
    kinds.add(kindOf(on));
  }
  const runs = (of) => (of.length > 12 ? `${of.length} runs` : `${of.length > 1 ? "runs" : "run"} ${of.join(", ")}`);
  const text = numbers.size === 1 ? [...numbers.keys()][0] : [...numbers].map(([place, of]) => `${place}: ${runs(of)}`).join("; ");
  return { text, differ: kinds.size > 1 };
}

const energyText = (row) => withInterval(row.energy === null ? null : 1e3 * row.energy, 1e3 * row.energyHalf);
const timeText = (row) => withInterval(row.time === null ? null : 1e3 * row.time, 1e3 * row.timeHalf);

function runsTable(rows) {
  return table(`The runs, one inference each (${INTERVAL})`, [
    { title: "run", value: (row) => row.run.document.run.number },
    { title: "network", value: (row) => row.run.document.run.net, isName: true },
    { title: "board", value: (row) => row.run.document.run.board_title, isText: true },
    { title: "origin", value: (row) => originOf(row.run), isText: true },
    { title: "engine", value: (row) => row.run.document.run.engine, isText: true },
    { title: "batch", value: (row) => row.run.document.run.batch }, { title: "threads", value: (row) => row.run.document.run.threads },
    { title: "verdict", value: (row) => row.run.document.verdict, isText: true },
    { title: "rail", value: (row) => row.on?.name ?? null, isText: true },
    { title: "time (ms)", value: (row) => row.time, show: timeText },
    { title: "energy (mJ)", value: (row) => row.energy, show: energyText },
    { title: "GFLOP/J", value: (row) => row.on?.gflops_per_s_per_w?.mean, show: (row) => number(row.on?.gflops_per_s_per_w?.mean) },
    { title: "top-1 (%)", value: (row) => row.top1, show: (row) => row.top1 === null ? "" : row.top1.toFixed(1) },
    { title: "top-5 (%)", value: (row) => row.top5, show: (row) => row.top5 === null ? "" : row.top5.toFixed(1) },
  ], rows);
}

function barsOf(description, unit, rows, key, halfKey, text) {
  const known = rows.filter((row) => row[key] !== null);
  if (known.length === 0) return element("p", { class: "dim" }, `${description}: not known.`);
  const more = known.length > 30 ? "; the first 30 runs" : "";
  return figure(description + more, bars(description, unit, known.map((row) => ({
    name: row.name, value: 1e3 * row[key], low: row[halfKey] === null ? null : 1e3 * (row[key] - row[halfKey]),
    high: row[halfKey] === null ? null : 1e3 * (row[key] + row[halfKey]), shown: `${text(row)} ${unit}`, color: bandOf(row.top1),
  }))));
}

function pointsOf(rows, x, y) {
  return rows.map((row) => ({ name: row.name, x: x(row), y: y(row), color: bandOf(row.top1), named: rows.length <= 40,
    shown: `${timeText(row)} ms, ${energyText(row)} mJ on ${label(row.on?.name, 60)}${row.top1 === null ? "" : `, top-1 ${row.top1.toFixed(1)} %`}` }));
}

function scatters(rows, on) {
  const milli = (value) => (value === null ? NaN : 1e3 * value);
  const plot = (description, ...rest) => figure(description, scatter(description, ...rest));
  const parts = [plot(`Energy of an inference${on} against its time, by published accuracy`, "time (ms)", "energy (mJ)",
    pointsOf(rows, (row) => milli(row.time), (row) => milli(row.energy)))];
  const known = rows.filter((row) => row.top1 !== null);
  if (known.length > 0) {
    parts.push(plot(`Published top-1 accuracy against the energy of an inference${on}`, "energy (mJ)", "top-1 (%)",
      pointsOf(known, (row) => milli(row.energy), (row) => row.top1), { yLog: false }));
  }
  return [element("div", { class: "columns" }, ...parts), legend(BANDS)];
}

function sources(rows) {
  const known = new Map(rows.filter((row) => row.run.published_accuracy)
    .map(({ run }) => [run.document.run.net, run.published_accuracy]));
  if (known.size === 0) return element("p", { class: "dim" }, "No accuracy was published for these networks, or these are not the zoo's.");
  return element("div", { class: "published" }, table("Published accuracy, of trained weights, from one crop; it was not measured here", [
    { title: "network", value: ([name]) => name, isName: true }, { title: "data", value: ([, one]) => one.data, isText: true },
    { title: "source", value: ([, one]) => one.source, isText: true, most: 200 },
    { title: "paper", value: ([, one]) => one.paper, isText: true, most: 200 }], [...known]));
}

function drawn(runs, rail) {
  const rows = runs.map((run) => rowOf(run, rail)), { text, differ } = placesOf(rows), on = text && ` on ${text}`;
  return [differ ? element("p", {}, element("strong", {}, "Not of the same part of each board: "), `${text}. `,
    "What one of these includes another may leave out: energies and efficiencies of different boards cannot be compared by them as they are.") : "",
    runsTable(rows),
    element("div", { class: "columns" }, barsOf(`Energy of an inference of each run${on}`, "mJ", rows, "energy", "energyHalf", energyText),
      barsOf("Time of an inference of each run", "ms", rows, "time", "timeHalf", timeText)),
    ...scatters(rows, on), sources(rows)];
}

// `open(run)`: shows one of them below.
export function comparisonSection(runs, open) {
  const common = runs[0].rail_names.filter((rail) => runs.every((run) => run.rail_names.includes(rail)));
  const rails = [WHOLE, ...common], place = markSimulated(element("div"), runs.some((run) => Boolean(run.notice)));
  replace(place, ...drawn(runs, WHOLE));
  const names = runs.map(({ document }) => `${document.run.number}: ${label(document.run.net)} on ${label(document.run.board_title)}`);
  const worst = ["INVALID", "SUSPECT"].map((verdict) => runs.filter((run) => run.document.verdict === verdict))
    .filter((some) => some.length > 0).map((some) => element("p", {}, verdictOf(some[0].document), `: run ${some.map((run) => run.document.run.number).join(", ")}`));
  return section("comparison", "Comparison", ...worst,
    element("p", { class: "tools" }, choice("Rail", rails, (at) => replace(place, ...drawn(runs, rails[at])))), place,
    element("p", {}, choice("All of one run, below:", names, (at) => open(runs[at]))));
}
