// The lowest and the highest value of stretches of a series, at several lengths, so that a plot of any part of it looks
// at about as many numbers as it has pixels.

const FAN = 8; // stretches of a level that make one of the next

// `times` rise.
export function makePyramid(times, values) {
  const levels = [];
  let low = values, high = values, length = 1;
  while (low.length > 2 * FAN) {
    const count = Math.ceil(low.length / FAN);
    const lower = new Float64Array(count), higher = new Float64Array(count);
    for (let i = 0; i < count; ++i) {
      const end = Math.min(low.length, (i + 1) * FAN);
      let least = Infinity, most = -Infinity;
      for (let j = i * FAN; j < end; ++j) {
        if (low[j] < least) least = low[j];
        if (high[j] > most) most = high[j];
      }
      lower[i] = least;
      higher[i] = most;
    }
    length *= FAN;
    levels.push({ length, low: lower, high: higher });
    low = lower;
    high = higher;
  }
  return { times, values, levels };
}

// The place of the first of `sorted` that is not below `value`.
export function lowerBound(sorted, value) {
  let begin = 0, end = sorted.length;
  while (begin < end) {
    const middle = (begin + end) >>> 1;
    if (sorted[middle] < value) begin = middle + 1; else end = middle;
  }
  return begin;
}

// [lowest, highest] of the values at [begin, end), by whole stretches where there are any; null of none.
export function extremes(pyramid, begin, end) {
  if (begin >= end) return null;
  let least = Infinity, most = -Infinity;
  const take = (low, high, from, to) => {
    for (let i = from; i < to; ++i) {
      if (low[i] < least) least = low[i];
      if (high[i] > most) most = high[i];
    }
  };
  let low = pyramid.values, high = pyramid.values;
  for (const level of pyramid.levels) {
    if (end - begin < 2 * FAN) break;
    const inner = Math.ceil(begin / FAN), outer = Math.floor(end / FAN);
    take(low, high, begin, inner * FAN);
    take(low, high, outer * FAN, end);
    begin = inner;
    end = outer;
    low = level.low;
    high = level.high;
  }
  take(low, high, begin, end);
  return [least, most];
}

// How many values there are from `from` to `to`.
export function countIn(pyramid, from, to) {
  return lowerBound(pyramid.times, to) - lowerBound(pyramid.times, from);
}

// For each of `columns` stretches of time its lowest and its highest value, one after the other; null where it has none.
export function columnsOf(pyramid, from, to, columns) {
  const out = new Array(2 * columns);
  let begin = lowerBound(pyramid.times, from);
  for (let i = 0; i < columns; ++i) {
    const end = lowerBound(pyramid.times, from + (to - from) * (i + 1) / columns);
    const both = extremes(pyramid, begin, end);
    out[2 * i] = both && both[0];
    out[2 * i + 1] = both && both[1];
    begin = end;
  }
  return out;
}

// The values themselves, with one more on either side, for a line that goes on to the edges.
export function valuesIn(pyramid, from, to) {
  const begin = Math.max(0, lowerBound(pyramid.times, from) - 1);
  const end = Math.min(pyramid.times.length, lowerBound(pyramid.times, to) + 1);
  return [pyramid.times.subarray(begin, end), pyramid.values.subarray(begin, end)];
}
