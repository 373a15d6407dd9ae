import assert from "node:assert/strict";
import test from "node:test";

import { heldUntil } from "../../../../client/report/web/conditions.js";
import { kindOf, kindsOf, rooflineOf } from "../../../../client/report/web/plots.js";
import { energyText, groupsText } from "../../../../client/report/web/energy.js";
import { originOf } from "../../../../client/report/web/summary.js";
import { sorted } from "../../../../client/report/web/table.js";
import { executedAt, executedIn, gapsOf, integral, integralAt, notesOf } from "../../../../client/report/web/timeline.js";

const TYPES = [{ type: "Conv", time_s: 6, energy_j: { IN: 12 } }, { type: "MaxPool", time_s: 1, energy_j: { IN: 3 } },
  { type: "Relu", time_s: 3, energy_j: { IN: null } }];

test("a run is simulated, imported or measured", () => {
  const run = (simulated, imported) => ({ imported, document: { run: { simulated } } });
  assert.deepEqual([run(true, true), run(true, false), run(false, true), run(false, false)].map(originOf),
    ["SIMULATED", "SIMULATED", "imported", "measured"]);
});

test("in the place of an energy that a type has not are its groups", () => {
  assert.deepEqual([[], [3], [1, 2], [1, 2, 5, 7]].map((ids) => energyText({ mean: null, group: groupsText(ids) })),
    ["", "g3", "g1 g2", "g1 g2 +2"]);
});

test("kinds are the published figures'", () => {
  assert.deepEqual(["Conv", "ConvTranspose", "AveragePool", "FC", "ConstantFill"].map(kindOf),
    ["convolution", "convolution", "pooling", "others", "others"]);
});

test("others have what convolution and pooling leave of the inference", () => {
  const kinds = kindsOf({ types: TYPES, per_inference: { energy_j: { IN: { mean: 20 } } } }, "IN");
  assert.deepEqual(kinds.map((kind) => kind.time), [0.6, 0.1, 0.3]);
  assert.deepEqual(kinds.map((kind) => kind.energy.toFixed(3)), ["0.600", "0.150", "0.250"]);
  assert.equal(kindsOf({ types: TYPES, per_inference: { energy_j: { IN: { mean: null } } } }, "IN")[0].energy, null);
});

test("the roofline has operators of known costs alone", () => {
  const op = { flops: 4e9, bytes_read: 1e9, bytes_written: 1e9, time_s: { mean: 2 }, energy_j: { IN: { mean: 8 } } };
  const rows = rooflineOf({ ops: [op, { ...op, flops: null, bytes_read: null, bytes_written: null },
    { ...op, energy_j: { IN: { group: 1 } } }] }, "IN");
  assert.deepEqual(rows.map(({ intensity, speed, efficiency }) => [intensity, speed, efficiency]), [[2, 2, 0.5], [2, 2, null]]);
});

test("two watts for three seconds are six joules", () => {
  const rail = { times: [1, 2, 4, 5], values: [2, 2, 2, 9] };
  rail.sums = integral(rail.times, rail.values);
  assert.equal(integralAt(rail, 4) - integralAt(rail, 1), 6);
  assert.equal(integralAt(rail, 3.5) - integralAt(rail, 1.5), 4);
  assert.equal(integralAt(rail, 99), 8);
  assert.equal(integralAt(rail, 0), 0);
});

test("a clock that is told once holds until the end", () => {
  assert.deepEqual(heldUntil(16, { times: [0, 0.3], values: [102, 1734] }), { times: [0, 0.3, 16], values: [102, 1734, 1734] });
  assert.deepEqual(heldUntil(0.3, { times: [0, 0.3], values: [102, 1734] }), { times: [0, 0.3], values: [102, 1734] });
});

test("executions are found that reach into a stretch", () => {
  const executed = { begins: [0, 10, 20, 30], ends: [9, 19, 29, 39], reached: [9, 19, 29, 39] };
  assert.deepEqual(executedIn(executed, 15, 25), [1, 3]);
  assert.deepEqual(executedIn(executed, 40, 50), [4, 4]);
});

test("an execution that others are nested in is behind them again", () => {
  const executed = { begins: [0, 10, 12, 60], ends: [50, 20, 14, 70], reached: [50, 50, 50, 70] };
  assert.deepEqual([5, 11, 13, 15, 30, 55, 65, 75].map((at) => executedAt(executed, at)), [0, 1, 2, 1, 0, -1, 3, -1]);
  assert.deepEqual(executedIn(executed, 30, 40), [0, 3]);
});

test("a rail has the gaps of the source that reads it", () => {
  const sources = [{ source: "a", channels: [{ rail: "IN" }] }, { source: "b", channels: [{ rail: "CPU" }] }];
  const gaps = [{ source: "a", begin_s: 3, end_s: 4 }, { source: "b", begin_s: 1, end_s: 2 }, { source: "x", begin_s: 0, end_s: 1 }];
  assert.deepEqual(gapsOf("IN", gaps, sources), [[0, 1], [3, 4]]);
  assert.deepEqual(gapsOf("CPU", gaps, sources), [[0, 1], [1, 2]]);
});

test("what is not known is sorted to the end either way", () => {
  const rows = [{ v: 2 }, { v: null }, { v: 3 }];
  assert.deepEqual(sorted(rows, (row) => row.v, true).map((row) => row.v), [3, 2, null]);
  assert.deepEqual(sorted(rows, (row) => row.v, false).map((row) => row.v), [2, 3, null]);
});

test("what is not in the page is said", () => {
  const whole = { rails: [{ name: "IN", thinned: 1 }], threads: [{ thread: 0, left_out: 0 }], gaps: [], events: [], gaps_left_out: 0,
    events_left_out: 0, left_out: "" };
  assert.deepEqual(notesOf(whole, null), []);
  const threads = Array.from({ length: 11 }, (_, thread) => ({ thread, left_out: thread === 3 ? 5 : 0 }));
  const cut = { rails: [{ name: "IN", thinned: 4 }], threads, gaps: [{}], gaps_left_out: 7, events: [{}, {}], events_left_out: 9,
    left_out: "the readings of the host's meter are left out" };
  assert.deepEqual(notesOf(cut, { clock: { uncertainty_s: 12e-6 } }), [
    "IN: the lowest and the highest of each 4 readings are in this page",
    "thread 3: its last 5 executions are not in this page",
    "3 of the 11 threads have no band above the plot: there is room for 8",
    "7 more gaps are not in this page: its first 1 are",
    "9 more events are not in this page: its first 2 are",
    "the readings of the host's meter are left out",
    "rails of the host's meter: their time on the board's clock is known within 12.0 \u00b5s",
  ]);
  assert.equal(notesOf(whole, { clock: { uncertainty_s: null } }).length, 0);
});
