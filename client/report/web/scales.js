// Axes: which numbers get a line, and where a value lies.

// Round numbers, at most about `most`, from the first below `low` to the last above `high`.
export function ticks(low, high, most = 6) {
  if (!(high > low)) high = low + (Math.abs(low) || 1);
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const marks = [];
  for (let i = Math.floor(low / step); ; ++i) {
    marks.push(Number((i * step).toPrecision(12)));
    if (i * step >= high) return marks;
  }
}

// 1, 2 and 5 of each power of ten, from the last below `low` to the first above `high`; of more than 9 both ends and
// the powers of ten that are not next to them.
export function logTicks(low, high) {
  const marks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power) {
    for (const factor of [1, 2, 5]) marks.push(Number((factor * 10 ** power).toPrecision(3)));
  }
  const first = Math.max(0, marks.findLastIndex((mark) => mark <= low));
  const last = marks.findIndex((mark, i) => i > first && mark >= high);
  const shown = marks.slice(first, last + 1);
  if (shown.length <= 9) return shown;
  const [from, to] = [shown[0], shown[shown.length - 1]];
  return shown.filter((mark) => mark === from || mark === to ||
    (Number.isInteger(Math.log10(mark)) && mark / from > 2.5 && to / mark > 2.5));
}

// {marks, at(value)}: at gives 0 to 1. Of values above 0 only, where `isLog`.
export function scale(values, { isLog = false, fromZero = false } = {}) {
  const known = values.filter((value) => Number.isFinite(value) && (!isLog || value > 0));
  if (known.length === 0) known.push(1);
  let low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
  if (fromZero) [low, high] = [Math.min(0, low), Math.max(0, high)];
  const marks = isLog ? logTicks(low, high) : ticks(low, high);
  const first = marks[0], last = marks[marks.length - 1];
  const at = isLog ? (value) => Math.log(value / first) / Math.log(last / first)
                   : (value) => (value - first) / (last - first);
  return { marks, at };
}

function decimalsOf(value) {
  const [digits, exponent] = Number(value.toPrecision(12)).toExponential().split("e");
  return Math.max(0, (digits.split(".")[1]?.length ?? 0) - Number(exponent));
}

// Marks of one axis, with as many digits behind the point each; null stays.
export function tickTexts(marks) {
  const known = marks.filter((mark) => mark !== null), decimals = Math.max(0, ...known.map(decimalsOf));
  const areLong = decimals > 9 || known.some((mark) => Math.abs(mark) >= 1e6);
  return marks.map((mark) => (mark === null ? null : areLong ? tickText(Number(mark.toPrecision(12))) : mark.toFixed(decimals)));
}

export function tickText(value) {
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)) return value.toExponential(0);
  return String(value);
}
