// What was measured, under what, and what it is worth.

import { element, section } from "./dom.js";
import { table } from "./table.js";
import { INTERVAL, duration, label, number, withInterval } from "./text.js";

const SIGNS = { VALID: "\u2713", SUSPECT: "!", INVALID: "\u2717" };

export function half(ci95) {
  return ci95 ? (ci95[1] - ci95[0]) / 2 : null;
}

export function verdictOf(document) {
  return element("span", { class: `verdict ${document.verdict in SIGNS ? document.verdict : ""}` },
    `${SIGNS[document.verdict] ?? "?"} ${label(document.verdict)}`);
}

function facts(caption, rows) {
  return table(caption, [{ title: "what", value: (row) => row[0], isName: true },
    { title: "is", value: (row) => row[1], isText: true, most: 300 }],
    rows.filter((row) => row[1] !== null && row[1] !== undefined && row[1] !== ""));
}

function mhz(hz) {
  return hz === null || hz === undefined ? "not read" : `${number(hz / 1e6)} MHz`;
}

function clockText(clock) {
  return clock.lowest_hz === clock.highest_hz ? mhz(clock.lowest_hz) : `${mhz(clock.lowest_hz)} to ${mhz(clock.highest_hz)}`;
}

// Where the numbers of a run come from.
export function originOf(run) {
  if (run.document.run.simulated) return "SIMULATED";
  return run.imported ? "imported" : "measured";
}

function measuredFacts(origin, { run, method, iteration_time_s: time }) {
  return facts("What was measured", [
    ["board", `${run.board_title} (${run.board})`], ["origin", origin],
    ["kernel", run.kernel], ["network", run.net], ["model from", run.model.source],
    ["engine", `${run.engine}, ${run.engine_version}`],
    ["batch", run.batch], ["threads", run.threads],
    ["iterations", `${run.iterations_completed} of ${run.iterations}, after ${run.warmup} of warm-up`],
    ["time of an inference (ms)", time && withInterval(1e3 * time.mean, 1e3 * half(time.ci95))],
    ["started", run.started_at], ["state", run.error ? `${run.state}: ${run.error}` : run.state],
    ["run", `${run.number} (${run.id})`], ["method", method], ["synergyd", run.daemon_version],
  ]);
}

function conditionFacts({ conditions, clocks, gaps, observer, idle }) {
  const rows = conditions.clocks.map((clock) => [`clock ${clock.clock}`, clockText(clock)]);
  for (const zone of conditions.temperatures) {
    rows.push([`temperature ${zone.zone}`,
      `${number(zone.begin_c, 3)} \u00b0C to ${number(zone.end_c, 3)} \u00b0C, highest ${number(zone.highest_c, 3)} \u00b0C`]);
  }
  for (const throttle of conditions.throttles) {
    if (throttle.highest > throttle.begin) rows.push([throttle.what, `${throttle.begin} to ${throttle.highest}`]);
  }
  rows.push(["clocks fixed by the job", clocks ? "yes" : "no"]);
  for (const [when, stretch] of Object.entries(idle)) {
    for (const [rail, power] of Object.entries(stretch?.power_w ?? {})) {
      if (power === null) continue;
      rows.push([`idle ${when}, ${rail} (W)`, withInterval(power, half(stretch.ci95_w[rail]))]);
    }
  }
  rows.push(["gaps in the readings", String(gaps.length)]);
  if (observer) rows.push(["CPU time for measuring", `${number(observer.cpu_s, 3)} s of ${duration(observer.time_s)}`]);
  return facts("Conditions", rows);
}

function samplingTable({ sampling }) {
  const rows = sampling.sources.flatMap((source) => source.channels.length > 0
    ? source.channels.map((channel) => ({ ...channel, source }))
    : [{ rail: "", quantity: "", ...source, source }]);
  const hz = (title, key) => ({ title, value: (row) => row[key], show: (row) => number(row[key]) });
  return table("Sampling: asked for, achieved, and readings that were new", [
    { title: "rail", value: (row) => row.rail, isName: true }, { title: "quantity", value: (row) => row.quantity, isText: true },
    { title: "source", value: (row) => row.source.source, isText: true },
    hz("requested (Hz)", "requested_hz"), hz("achieved (Hz)", "achieved_hz"),
    { title: "fresh (Hz)", value: (row) => row.fresh_hz, show: (row) => (row.fresh_is_bound ? "\u2265 " : "") + number(row.fresh_hz) },
    { title: "missed", value: (row) => row.source.missed }, { title: "failed", value: (row) => row.source.failed },
  ], rows);
}

// {name, energy_j, ...} of the rails that together stand for the board; where that is not known, of the one that took the most
// (`scope` is null). A board without rails has none.
export function wholeOf({ document: { per_inference: per }, top_rail: rail }) {
  if (per.whole) return per.whole;
  return rail === null ? null : { ...railOf(per, rail), rails: [rail], scope: null };
}

export function railOf(per, rail) {
  const of = (key) => per[key]?.[rail] ?? null;
  return { name: rail, energy_j: of("energy_j"), inferences_per_j: of("inferences_per_j"),
    gflops_per_s_per_w: of("gflops_per_s_per_w"), energy_delay_js: of("energy_delay_js") };
}

function inferenceTable({ document: { per_inference: per }, rail_names: names }) {
  const sum = per.whole && per.whole.rails.length > 1 ? [per.whole] : [];
  const rows = [...names.filter((rail) => per.energy_j?.[rail]).map((rail) => railOf(per, rail)), ...sum];
  const column = (title, key, factor = 1) => ({ title, value: (row) => row[key]?.mean,
    show: (row) => withInterval(row[key] === null ? null : factor * row[key].mean, factor * half(row[key]?.ci95)) });
  const note = sum.length > 0 ? "; no rail contains the others, and the sum has their intervals as independent ones" : "";
  return table(`One inference, by rail (${INTERVAL})${note}`, [
    { title: "rail", value: (row) => row.name, isName: true },
    column("energy (mJ)", "energy_j", 1e3), column("inferences per J", "inferences_per_j"),
    column("GFLOP/s per W", "gflops_per_s_per_w"),
    { title: "energy x time (mJ s)", value: (row) => row.energy_delay_js,
      show: (row) => number(row.energy_delay_js === null ? null : 1e3 * row.energy_delay_js) },
  ], rows);
}

function texts(title, lines) {
  if (lines.length === 0) return [];
  return [element("h3", {}, title),
    element("ul", {}, ...lines.map((line) => element("li", {}, element("bdi", {}, label(line, 600)))))];
}

export function summarySection(run) {
  const { document } = run;
  return section("summary", "Summary",
    element("p", {}, "Verdict: ", verdictOf(document), document.run.partial ? " (partial: not all that was asked for is here)" : ""),
    ...texts("Why", document.reasons),
    inferenceTable(run),
    element("div", { class: "columns" }, measuredFacts(originOf(run), document), conditionFacts(document)),
    samplingTable(document),
    ...texts("Notices", document.notices.map((notice) => `${notice.code}: ${notice.text}`)));
}
