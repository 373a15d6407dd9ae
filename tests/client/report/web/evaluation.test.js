import assert from "node:assert/strict";
import test from "node:test";

import { errorOf, evaluationTitle, familyName, figuresOf, pointsOf } from "../../../../client/report/web/evaluation.js";

const row = (run, measured, mean, interval95 = null, extrapolates = []) =>
  ({ network: run, run, measured_j: measured, predicted_j: { mean, interval95 }, extrapolates });

test("points are what was predicted, with the prediction's interval", () => {
  const points = pointsOf([row("a", 0.002, 0.003, [0.0015, 0.004], ["macs"]), row("b", 0.002, null), row("c", 0.004, 0.004)], (one) => one.run);
  assert.deepEqual(points.map(({ name, x, y, low, high, color }) => [name, x, y, low, high, color]),
    [["a", 2, 3, 1.5, 4, 1], ["c", 4, 4, null, null, 0]]);
  assert.equal(points[0].shown, "measured 2.000 mJ, predicted 3.000 mJ (1.500 to 4.000)");
  assert.equal(points[1].shown, "measured 4.000 mJ, predicted 4.000 mJ");
});

test("the worst have their names", () => {
  const rows = Array.from({ length: 9 }, (_, i) => row(`n${i}`, 1, 1 + (i % 2 ? 1 : -1) * i / 10));
  assert.deepEqual(pointsOf(rows, (one) => one.run).filter((point) => point.named).map((point) => point.name), ["n4", "n5", "n6", "n7", "n8"]);
});

test("an error is of what was measured", () => {
  assert.equal(errorOf(row("a", 2, 3)), 0.5);
  assert.equal(errorOf(row("a", 2, null)), null);
});

test("families stand side by side with what they know", () => {
  const figures = (count) => ({ count, unknown: 0 });
  const rows = figuresOf([{ family: "mac", degree: 2, complexity: 2, networks: figures(3), operators: figures(0) },
    { family: "layer-type", degree: 1, complexity: 9, networks: figures(3), operators: { count: 0, unknown: 4 } }]);
  assert.deepEqual(rows.map(({ name, what, complexity }) => [name, what, complexity]),
    [["mac (degree 2)", "networks", 2], ["layer-type", "networks", 9], ["layer-type", "operators", 9]]);
  assert.equal(familyName({ family: "chain", degree: 1 }), "chain");
});

test("the title says of how many networks, and on which board where it is one", () => {
  const families = [{ network_rows: [row("a", 1, 1), row("b", 1, 1), row("a", 2, 2)] }];
  assert.equal(evaluationTitle({ conditions: { board: "TX1" }, families }), "Predictions of 2 networks on TX1");
  assert.equal(evaluationTitle({ conditions: { board: "several" }, families }), "Predictions of 2 networks");
  assert.equal(evaluationTitle({ conditions: {}, families: [{ network_rows: [] }] }), "Predictions of operators");
});
