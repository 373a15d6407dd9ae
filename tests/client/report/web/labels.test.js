import assert from "node:assert/strict";
import test from "node:test";

import { fitting } from "../../../../client/report/web/charts.js";
import { placeLabels } from "../../../../client/report/web/labels.js";

const ALL = [0, 0, 640, 330];

test("a name is beside its point, where nothing else is", () => {
  assert.deepEqual(placeLabels([{ px: 100, py: 100, text: "conv1" }], ALL), [{ x: 108, y: 104, anchor: "start" }]);
});

test("points that are close have both their names, on other sides", () => {
  const [first, second] = placeLabels([{ px: 100, py: 100, text: "squeezenet" }, { px: 104, py: 97, text: "alexnet" }], ALL);
  assert.ok(first && second);
  assert.notDeepEqual([first.anchor, first.y], [second.anchor, second.y]);
});

test("a name does not lie on another point, nor beyond the plot", () => {
  assert.equal(placeLabels([{ px: 100, py: 100, text: "googlenet" }, { px: 120, py: 100, text: "" }], ALL)[0].anchor, "end");
  assert.equal(placeLabels([{ px: 635, py: 100, text: "googlenet" }], ALL)[0].anchor, "end");
});

test("where there is no place there is no name", () => {
  const crowd = Array.from({ length: 200 }, (_, i) => ({ px: 300 + i % 20, py: 100 + Math.floor(i / 20), text: `operator${i}` }));
  assert.ok(placeLabels(crowd, ALL).some((place) => place === null));
});

test("a name has as many characters as there is room for", () => {
  const width = (text) => [...text].reduce((sum, character) => sum + (character === "W" ? 12 : 6), 0);
  assert.equal(fitting("fire2/expand3x3", 30, 180, width), "fire2/expand3x3");
  const wide = fitting("W".repeat(40), 30, 180, width);
  assert.ok(width(wide) <= 180 && width(wide) > 180 - 13, wide);
  assert.equal([...fitting("x".repeat(99), 30, 1000, width)].length, 30);
  assert.equal([...fitting("WWW", 30, 3, width)].length, 1);
});
