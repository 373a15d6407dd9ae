// The power of every rail over time, with what the worker executed above it.

import { legend } from "./charts.js";
import { element, figure, replace, section } from "./dom.js";
import { typeColors } from "./energy.js";
import { unpackExecutions, unpackSeries } from "./packed.js";
import { extremes, lowerBound, makePyramid } from "./pyramid.js";
import { color, seriesPlot } from "./seriesplot.js";
import { table } from "./table.js";
import { duration, label, number } from "./text.js";

const LANE = 15; // the height of a thread's operators
const MOST_THREADS = 8; // that have one
const DASHES = [undefined, [6, 3], [2, 2], [8, 3, 2, 3]];

// Joules from the first value on: each holds until the next.
export function integral(times, values) {
  const sums = new Float64Array(times.length);
  for (let i = 1; i < times.length; ++i) sums[i] = sums[i - 1] + values[i - 1] * (times[i] - times[i - 1]);
  return sums;
}

// Up to `at`; clamped to the series.
export function integralAt({ times, values, sums }, at) {
  if (times.length === 0 || at <= times[0]) return 0;
  const place = lowerBound(times, at) - 1;
  return sums[place] + values[place] * (Math.min(at, times[times.length - 1]) - times[place]);
}

// Those of the source that reads the rail; of one that the run does not know, too.
export function gapsOf(rail, gaps, sources) {
  const isOther = ({ channels }) => channels.length > 0 && channels.every((channel) => channel.rail !== rail);
  const others = new Set(sources.filter(isOther).map((one) => one.source));
  return gaps.filter((gap) => !others.has(gap.source)).map((gap) => [gap.begin_s, gap.end_s]).sort((a, b) => a[0] - b[0]);
}

function loadRails({ timeline, document }) {
  return timeline.rails.map((packed) => {
    const rail = unpackSeries(packed), gaps = gapsOf(rail.name, timeline.gaps, document.sampling.sources);
    return { ...rail, sums: integral(rail.times, rail.values), pyramid: makePyramid(rail.times, rail.values, gaps) };
  });
}

function loadOperators(document) {
  const colors = typeColors(document);
  const known = new Map(document.ops.map((op) => [op.index, { name: op.name, type: op.type, color: colors.of(op.type) }]));
  return (index) => known.get(index) ?? { name: `operator ${index}`, type: "", color: 7 };
}

// [first, last), in which all executions are that overlap `from` to `to`.
export function executedIn(executed, from, to) {
  return [lowerBound(executed.reached, from), lowerBound(executed.begins, to)];
}

// The place of the execution that has an instant: what began last of those that run. -1: none does.
export function executedAt({ begins, ends, reached }, at) {
  for (let i = lowerBound(begins, at) - 1; i >= 0 && reached[i] > at; --i) if (ends[i] > at) return i;
  return -1;
}

function band(u, from, to, top, height, text) {
  const left = Math.max(u.bbox.left, u.valToPos(from, "x", true));
  const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
  if (right <= left) return;
  const ratio = devicePixelRatio;
  const apart = right - left > 4 * ratio ? ratio : 0; // from the next one
  u.ctx.fillRect(left, top, Math.max(1, right - left - apart), height);
  if (!text || right - left < 34 * ratio) return;
  const fill = u.ctx.fillStyle;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, right - left, height);
  u.ctx.clip();
  u.ctx.globalAlpha = 1;
  u.ctx.fillStyle = color("--ink");
  u.ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  u.ctx.textAlign = "left";
  u.ctx.textBaseline = "middle";
  u.ctx.fillText(text, left + 3 * ratio, top + height / 2);
  u.ctx.restore();
  u.ctx.fillStyle = fill;
}

function drawPhases(u, phases, top, height) {
  phases.forEach((phase, i) => {
    u.ctx.globalAlpha = i % 2 ? 0.25 : 0.45;
    u.ctx.fillStyle = color("--c7");
    band(u, phase.begin_s, phase.end_s, top, height, label(phase.phase, 30));
  });
}

// Each operator where they have room; else the iterations; else that there are too many.
function drawExecutions(u, state, executed, top, height) {
  const { min, max } = u.scales.x;
  const [first, last] = executedIn(executed, min, max);
  const room = 1.5 * u.bbox.width / devicePixelRatio;
  if (last - first <= room) {
    const colors = Array.from({ length: 8 }, (_, i) => color(`--c${i}`));
    for (let i = first; i < last; ++i) {
      const op = state.operator(executed.ops[i]);
      u.ctx.fillStyle = colors[op.color];
      if (state.threads.length === 1) {
        u.ctx.globalAlpha = 0.14;
        band(u, executed.begins[i], executed.ends[i], u.bbox.top, u.bbox.height);
      }
      u.ctx.globalAlpha = 0.75;
      band(u, executed.begins[i], executed.ends[i], top, height - 1, label(op.name, 40));
    }
    return;
  }
  u.ctx.fillStyle = color("--c0");
  u.ctx.globalAlpha = 0.2;
  const [begin, end] = executedIn(state.iterations, min, max);
  if (end - begin > room) {
    band(u, min, max, top, height - 1, `${last - first} operators: zoom in to see them`);
    return;
  }
  for (let i = begin; i < end; ++i) {
    u.ctx.globalAlpha = i % 2 ? 0.15 : 0.35;
    band(u, state.iterations.begins[i], state.iterations.ends[i], top, height - 1, "iteration");
  }
}

function drawUnder(u, state) {
  const ratio = devicePixelRatio;
  u.ctx.save();
  let top = u.bbox.top - state.top * ratio;
  drawPhases(u, state.phases, top, (LANE - 1) * ratio);
  for (const executed of state.threads) {
    top += LANE * ratio;
    drawExecutions(u, state, executed, top, LANE * ratio);
  }
  u.ctx.fillStyle = color("--c5");
  u.ctx.globalAlpha = 0.25;
  for (const gap of state.gaps) band(u, gap.begin_s, gap.end_s, u.bbox.top, u.bbox.height);
  u.ctx.restore();
}

function pointedText(state, at) {
  if (at === null) return "\u00a0";
  const texts = state.threads.flatMap((executed) => {
    const place = executedAt(executed, at);
    if (place < 0) return [];
    const op = state.operator(executed.ops[place]);
    return [`${label(op.name, 80)} (${label(op.type, 40)}), ${duration(executed.ends[place] - executed.begins[place])}`];
  });
  return `${at.toFixed(6)} s: ${texts.join("; ") || "no operator"}`;
}

function rangeTable(rails, from, to) {
  const rows = rails.map((rail) => {
    const first = lowerBound(rail.times, from), last = lowerBound(rail.times, to);
    const [low, high] = extremes(rail.pyramid, first, last) ?? [null, null];
    const joules = integralAt(rail, to) - integralAt(rail, from);
    return { rail, count: last - first, low, high, joules, mean: joules / (to - from) };
  });
  const watts = (title, key) => ({ title, value: (row) => row[key], show: (row) => number(row[key]) });
  return table(`Power from ${from.toFixed(4)} s to ${to.toFixed(4)} s, as the plot shows it; rails that contain each other must not be added up`, [
    { title: "rail", value: (row) => row.rail.name, isName: true }, { title: "readings", value: (row) => row.count },
    watts("lowest (W)", "low"), watts("mean (W)", "mean"), watts("highest (W)", "high"), watts("energy (J)", "joules"),
  ], rows);
}

// What of the run is not in the page, or not in the plot; texts.
export function notesOf(timeline, meter) {
  const { rails, threads } = timeline, notes = [];
  for (const rail of rails) {
    if (rail.thinned > 1) notes.push(`${label(rail.name)}: the lowest and the highest of each ${rail.thinned} readings are in this page`);
  }
  for (const thread of threads) {
    if (thread.left_out > 0) notes.push(`thread ${thread.thread}: its last ${thread.left_out} executions are not in this page`);
  }
  if (threads.length > MOST_THREADS) {
    notes.push(`${threads.length - MOST_THREADS} of the ${threads.length} threads have no band above the plot: there is room for ${MOST_THREADS}`);
  }
  if (timeline.gaps_left_out > 0) notes.push(`${timeline.gaps_left_out} more gaps are not in this page: its first ${timeline.gaps.length} are`);
  if (timeline.events_left_out > 0) {
    notes.push(`${timeline.events_left_out} more events are not in this page: its first ${timeline.events.length} are`);
  }
  if (timeline.left_out) notes.push(label(timeline.left_out, 300));
  if (meter && meter.clock.uncertainty_s !== null) {
    notes.push(`rails of the host's meter: their time on the board's clock is known within ${duration(meter.clock.uncertainty_s)}`);
  }
  return notes;
}

function eventTable(timeline) {
  const rows = [...timeline.events, ...timeline.gaps.map((gap) =>
    ({ at_s: gap.begin_s, what: `gap:\u00a0${gap.cause}`, text: `${gap.source}, ${duration(gap.end_s - gap.begin_s)}` })),
    ...timeline.phases.map((phase) => ({ at_s: phase.begin_s, what: `phase:\u00a0${phase.phase}`, text: duration(phase.end_s - phase.begin_s) }))];
  return table("What happened when", [
    { title: "at (s)", value: (row) => row.at_s, show: (row) => row.at_s.toFixed(4) },
    { title: "what", value: (row) => row.what, isText: true }, { title: "more", value: (row) => row.text, isText: true, most: 300 },
  ], rows, 0, false);
}

export function timelineSection(run) {
  const { timeline } = run;
  const rails = loadRails(run).filter((rail) => rail.times.length > 0);
  if (rails.length === 0) return section("timeline", "Power over time", element("p", {}, "No power was read."));
  const state = {
    threads: timeline.threads.slice(0, MOST_THREADS).map(unpackExecutions), iterations: unpackExecutions(timeline.iterations),
    phases: timeline.phases, gaps: timeline.gaps, operator: loadOperators(run.document),
  };
  state.top = LANE * (1 + state.threads.length);
  const stats = element("div"), pointed = element("p", { class: "dim" }, "\u00a0");
  let waiting = null;
  const shown = (from, to) => { // not while somebody is turning the wheel
    clearTimeout(waiting);
    waiting = setTimeout(() => replace(stats, rangeTable(rails, from, to)), 80);
  };
  const description = "Power of every rail over time, phases and operators above it";
  const plot = seriesPlot({
    description, unit: "power (W)", height: 380, top: state.top, shown,
    series: rails.map((rail, i) => ({ name: label(rail.name, 40), pyramid: rail.pyramid, color: i % 8, dash: DASHES[Math.floor(i / 8) % DASHES.length] })),
    full: [Math.min(0, ...rails.map((rail) => rail.times[0])), Math.max(timeline.end_s, ...rails.map((rail) => rail.times[rail.times.length - 1]), 1e-6)],
    rangeOf: (low, high) => [Math.min(0, low), Math.max(high * 1.05, 0.01)],
    under: (u) => drawUnder(u, state),
    pointed: (at) => { pointed.textContent = pointedText(state, at); },
  });
  return section("timeline", "Power over time", plot.tools, figure(description, plot.root, legend(typeColors(run.document).names), pointed),
    ...notesOf(timeline, run.document.meter).map((note) => element("p", { class: "dim" }, note)), stats, eventTable(timeline));
}
