import assert from "node:assert/strict";
import test from "node:test";

import { reader, unpackExecutions, unpackSeries } from "../../../../client/report/web/packed.js";
import { columnsOf, countIn, extremes, lowerBound, makePyramid, valuesIn } from "../../../../client/report/web/pyramid.js";
import { logTicks, scale, tickTexts, ticks } from "../../../../client/report/web/scales.js";
import { dataOf } from "../../../../client/report/web/seriesplot.js";
import { duration, label, number, withInterval } from "../../../../client/report/web/text.js";

function near(actual, expected) {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(actual[i] - value) < 1e-12, `${actual[i]} is not ${value}`));
}

test("a series comes back as packed_series_test.cc wrote it", () => {
  const series = unpackSeries({ name: "VDD_IN", step: 0.5, count: 3, thinned: 1, data: "0A8IAAIBBQ==" });
  near(series.times, [0.001, 0.002, 0.002999]);
  near(series.values, [2, 2.5, 1]);
});

test("executions follow each other", () => {
  // 10 us from the begin on 20 us of operator 3, 1 us later 0.1 us of operator 200
  const data = Buffer.from([200, 1, 200, 1, 3, 20, 1, 200, 1]).toString("base64");
  const executed = unpackExecutions({ count: 2, data });
  near(executed.begins, [10e-6, 31e-6]);
  near(executed.ends, [30e-6, 31.1e-6]);
  assert.deepEqual([...executed.ops], [3, 200]);
});

test("executions that are nested reach no less far", () => {
  // 10 us on 20 us of operator 3, and in them, 15 us before their end, 5 us of operator 4
  const data = Buffer.from([200, 1, 200, 1, 3, 0xab, 2, 50, 4]).toString("base64");
  const executed = unpackExecutions({ count: 2, data });
  near(executed.begins, [10e-6, 15e-6]);
  near(executed.ends, [30e-6, 20e-6]);
  near(executed.reached, [30e-6, 30e-6]);
});

test("numbers beyond 32 bits are read", () => {
  assert.equal(reader([0x80, 0x80, 0x80, 0x80, 0x80, 0x01]).unsigned(), 2 ** 35);
  assert.equal(reader([0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).signed(), -(2 ** 35));
});

function noisy(count) {
  const times = new Float64Array(count), values = new Float64Array(count);
  let state = 1;
  for (let i = 0; i < count; ++i) {
    state = (state * 48271) % 2147483647;
    times[i] = i * 1e-3;
    values[i] = state / 2147483647;
  }
  return makePyramid(times, values);
}

test("every stretch has the extremes of its values", () => {
  const pyramid = noisy(10007);
  for (const [begin, end] of [[0, 10007], [1, 10006], [511, 513], [512, 4096], [7, 8], [63, 9999], [0, 1]]) {
    const part = pyramid.values.subarray(begin, end);
    assert.deepEqual(extremes(pyramid, begin, end), [Math.min(...part), Math.max(...part)], `${begin} to ${end}`);
  }
  assert.equal(extremes(pyramid, 5, 5), null);
});

test("columns lose no extreme, and say where nothing is", () => {
  const pyramid = noisy(100000);
  const columns = columnsOf(pyramid, 0, 100, 700);
  assert.equal(Math.max(...columns), pyramid.values.reduce((a, b) => Math.max(a, b)));
  assert.equal(Math.min(...columns), pyramid.values.reduce((a, b) => Math.min(a, b)));
  assert.deepEqual(columnsOf(pyramid, 200, 300, 2), [null, null, null, null]);
});

test("a value holds until the next, but in a gap", () => {
  const pyramid = makePyramid([0.5, 2.5, 6.5], [3, 4, 5], [[3.9, 5.2]]);
  const line = [3, 3, 3, 3, 4, 4, 4, 4, null, null, 4, 4, 5, 5, null, null];
  assert.deepEqual(columnsOf(pyramid, 0, 8, 8), line);
  assert.deepEqual(columnsOf(pyramid, 1, 3, 2), [3, 3, 4, 4], "the value before the begin holds, too");
  assert.deepEqual(columnsOf(pyramid, -2, 0, 2), [null, null, null, null]);
});

test("a slow series beside a fast one has no holes", () => {
  const slow = makePyramid(Float64Array.from({ length: 31 }, (_, i) => i), Float64Array.from({ length: 31 }, (_, i) => i % 3));
  const { isWhole, data } = dataOf([noisy(30000), slow], 0, 30, 700);
  assert.ok(!isWhole);
  assert.equal(data[2].filter((value) => value === null).length, 0);
});

test("a part of a series has a value more on either side", () => {
  const pyramid = noisy(100);
  near([...valuesIn(pyramid, 0.0095, 0.0125)[0]], [0.009, 0.01, 0.011, 0.012, 0.013]);
  assert.equal(countIn(pyramid, 0.0095, 0.0125), 3);
  assert.equal(lowerBound([1, 2, 2, 3], 2), 1);
});

test("axes have round marks around all values", () => {
  assert.deepEqual(ticks(0, 9.3), [0, 2, 4, 6, 8, 10]);
  const axis = scale([0.3, 47], { isLog: true });
  assert.ok(axis.marks[0] <= 0.3 && axis.marks[axis.marks.length - 1] >= 47);
  assert.deepEqual(logTicks(82, 3300), [50, 100, 200, 500, 1000, 2000, 5000]);
  assert.deepEqual(logTicks(0.0213, 47), [0.02, 0.1, 1, 10, 50]);
  assert.deepEqual(logTicks(0.007, 47), [0.005, 0.1, 1, 10, 50]);
  assert.deepEqual(logTicks(100, 100), [100, 200]);
  assert.deepEqual(logTicks(1000, 1200), [1000, 2000]);
  assert.equal(scale([], { isLog: true }).marks.length > 1, true);
  assert.equal(scale([5, 5]).marks.length > 1, true);
});

test("texts are one line without controls or marks that turn them, and short", () => {
  assert.equal(label("a\nb\u202ec\u0000"), "a\ufffdb\ufffdc\ufffd");
  assert.equal([...label("\u{1f600}".repeat(5000), 11)].length, 11);
  assert.equal(label("beginning and end", 9), "begi\u2026 end");
  assert.equal(label("\u200b\u200d\u00ad"), "\ufffd\ufffd\ufffd");
  assert.equal(label("\u0301\u0301"), "\ufffd\u0301");
  assert.equal(label("e\u0301"), "e\u0301");
});

test("numbers have as many digits as their interval leaves", () => {
  assert.equal(withInterval(12.3456, 0.0234), "12.346 \u00b1 0.023");
  assert.equal(withInterval(12.3456, null), "12.35");
  assert.equal(number(0.000123456), "0.0001235");
  assert.equal(number(NaN), "");
});

test("a unit has less than a thousand of the smaller one", () => {
  assert.deepEqual([0.0009994, 0.0009996, 0.001, 0.9996].map(duration), ["999 \u00b5s", "1.00 ms", "1.00 ms", "1.00 s"]);
});

test("marks of an axis have as many digits each", () => {
  assert.deepEqual(tickTexts([12.34567, 12.3457, null, 12.34573]), ["12.34567", "12.34570", null, "12.34573"]);
  assert.deepEqual(tickTexts([0, 0.00001, 0.00002]), ["0.00000", "0.00001", "0.00002"]);
  assert.deepEqual(tickTexts([0, 5, 10]), ["0", "5", "10"]);
  assert.deepEqual(tickTexts([0, 2e6]), ["0", "2e+6"]);
});
