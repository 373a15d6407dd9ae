import assert from "node:assert/strict";
import test from "node:test";

import { placesOf, rowOf } from "../../../../client/report/web/comparison.js";

const ENERGY = { mean: 0.4, ci95: [0.39, 0.41] };

function run(number, whole, top_rail = "GPU") {
  return { top_rail, rail_names: ["GPU", "CPU"], document: { run: { number, net: "n" }, iteration_time_s: { mean: 0.1 },
    rails: [{ name: "GPU", scope: "component" }, { name: "CPU", scope: "component" }],
    per_inference: { energy_j: { GPU: { mean: 0.1, ci95: [0.1, 0.1] }, CPU: ENERGY }, whole } } };
}

const SUM = { name: "GPU + CPU", rails: ["GPU", "CPU"], scope: "component", energy_j: ENERGY, gflops_per_s_per_w: null };
const MODULE = { name: "IN", rails: ["IN"], scope: "module", energy_j: ENERGY, gflops_per_s_per_w: null };

test("a board without a rail of its whole has the sum of those beside each other", () => {
  const row = rowOf(run(1, SUM));
  assert.equal(row.on.name, "GPU + CPU");
  assert.equal(row.energy, 0.4);
  assert.equal(rowOf(run(1, SUM), "GPU").energy, 0.1);
});

test("a plot names its rails, and says where they are not of the same part of a board", () => {
  const of = (...runs) => placesOf(runs.map((one) => rowOf(one)));
  assert.deepEqual(of(run(1, MODULE), run(2, MODULE)), { text: "IN (module)", differ: false });
  assert.deepEqual(of(run(1, MODULE), run(2, SUM), run(3, MODULE)),
    { text: "IN (module): runs 1, 3; GPU + CPU (components, added up): run 2", differ: true });
  assert.deepEqual(of(run(1, MODULE), run(2, null, "CPU")),
    { text: "IN (module): run 1; CPU (what took the most of rails beside each other): run 2", differ: true });
  assert.deepEqual(of(run(1, null, null)), { text: "", differ: false });
});
