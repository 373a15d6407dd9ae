import assert from "node:assert/strict";
import test from "node:test";

import { fitting } from "../../../../client/report/web/charts.js";
import { placeLabels } from "../../../../client/report/web/labels.js";

const ALL = [0, 0, 640, 330];
const width = (text) => 7.2 * text.length;

test("a name is beside its point, where nothing else is", () => {
  assert.deepEqual(placeLabels([{ px: 100, py: 100, text: "conv1" }], ALL, width), [{ x: 108, y: 104, anchor: "start" }]);
});

test("points that are close have both their names, on other sides", () => {
  const [first, second] = placeLabels([{ px: 100, py: 100, text: "squeezenet" }, { px: 104, py: 97, text: "alexnet" }], ALL, width);
  assert.ok(first && second);
  assert.notDeepEqual([first.anchor, first.y], [second.anchor, second.y]);
});

test("a name does not lie on another point, nor beyond the plot", () => {
  assert.equal(placeLabels([{ px: 100, py: 100, text: "googlenet" }, { px: 120, py: 100, text: "" }], ALL, width)[0].anchor, "end");
  assert.equal(placeLabels([{ px: 635, py: 100, text: "googlenet" }], ALL, width)[0].anchor, "end");
});

test("a wide name does not reach beyond the plot", () => {
  assert.equal(placeLabels([{ px: 480, py: 100, text: "W".repeat(12) }], ALL, width)[0].anchor, "start");
  assert.equal(placeLabels([{ px: 480, py: 100, text: "W".repeat(12) }], ALL, (text) => 14 * text.length)[0].anchor, "end");
});

test("where there is no place there is no name", () => {
  const crowd = Array.from({ length: 200 }, (_, i) => ({ px: 300 + i % 20, py: 100 + Math.floor(i / 20), text: `operator${i}` }));
  assert.ok(placeLabels(crowd, ALL, width).some((place) => place === null));
});

test("a name has as many characters as there is room for", () => {
  const drawn = (text) => [...text].reduce((sum, character) => sum + (character === "W" ? 12 : 6), 0);
  assert.equal(fitting("fire2/expand3x3", 30, 180, drawn), "fire2/expand3x3");
  const wide = fitting("W".repeat(40), 30, 180, drawn);
  assert.ok(drawn(wide) <= 180 && drawn(wide) > 180 - 13, wide);
  assert.equal([...fitting("x".repeat(99), 30, 1000, drawn)].length, 30);
  assert.equal([...fitting("WWW", 30, 3, drawn)].length, 1);
});
