// The lowest and the highest value of stretches of a series, at several lengths, so that a plot of any part of it looks
// at about as many numbers as it has pixels.

const FAN = 8; // stretches of a level that make one of the next

// `times` rise; each value holds until the next, but in `gaps`: [[from, to], ...], rising, in which nothing is known.
export function makePyramid(times, values, gaps = []) {
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
  return { times, values, levels, gaps };
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

// For each of `columns` stretches of time its lowest and its highest value, one after the other. One without a value has the
// one that holds there; null in a gap, before the first and behind the last.
export function columnsOf(pyramid, from, to, columns) {
  const { times, values, gaps } = pyramid, out = new Array(2 * columns);
  let begin = lowerBound(times, from), gap = 0;
  for (let i = 0; i < columns; ++i) {
    const end = lowerBound(times, from + (to - from) * (i + 1) / columns), middle = from + (to - from) * (i + 0.5) / columns;
    while (gap < gaps.length && gaps[gap][1] < middle) ++gap;
    const isGap = gap < gaps.length && gaps[gap][0] <= middle;
    const holds = begin === end && begin > 0 && begin < times.length && !isGap;
    const both = holds ? [values[begin - 1], values[begin - 1]] : extremes(pyramid, begin, end);
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
