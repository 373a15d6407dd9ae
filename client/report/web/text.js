// Texts and numbers for people. Numbers do not follow the browser's language.

// Controls, line ends and Unicode's format characters, which are not seen but turn, join or part what is beside them; and an
// accent without a letter.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|^\p{M}/gu;

// What \u00b1 is beside an energy.
export const INTERVAL = "\u00b1: half of the 95 % interval of the mean of these iterations, without the sensor's calibration and without how other runs differ";

export function visible(text) {
  return String(text ?? "").replace(UNSEEN, "\ufffd");
}

// One line, at most `most` characters long: longer ones are shortened in their middle.
export function label(text, most = 60) {
  const characters = [...visible(text)];
  if (characters.length <= most) return characters.join("");
  const head = Math.ceil((most - 1) / 2);
  return characters.slice(0, head).join("") + "\u2026" + characters.slice(characters.length - (most - 1 - head)).join("");
}

// About `digits` significant digits, without an exponent where that can be read.
export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Number(Math.abs(value).toPrecision(digits)))); // of what is shown: 999.6 may be 1000
  if (size < -5 || size > 8) return value.toExponential(digits - 1);
  return value.toFixed(Math.min(9, Math.max(0, digits - 1 - size)));
}

// As many digits as two of the half-width leave.
export function withInterval(mean, half) {
  if (mean === null || mean === undefined || !Number.isFinite(mean)) return "";
  if (!(half > 0) || !Number.isFinite(half)) return number(mean);
  const decimals = Math.min(9, Math.max(0, 1 - Math.floor(Math.log10(half))));
  return `${mean.toFixed(decimals)} \u00b1 ${half.toFixed(decimals)}`;
}

export function percent(share, digits = 1) {
  return share === null || share === undefined ? "" : (100 * share).toFixed(digits);
}

export function duration(seconds) {
  if (seconds < 0.9995e-3) return `${number(1e6 * seconds, 3)} \u00b5s`;
  if (seconds < 0.9995) return `${number(1e3 * seconds, 3)} ms`;
  return `${number(seconds, 3)} s`;
}
