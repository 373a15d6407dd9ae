// Predicted against measured energies of what families of models had not seen.

import { legend, scatter } from "./charts.js";
import { choice, element, figure, markSimulated, replace, section } from "./dom.js";
import { sorted, table } from "./table.js";
import { label, number, percent } from "./text.js";

const KINDS = ["within what was fitted to", "extrapolates"];
const NAMED = 5; // points with their names beside them: the worst

export const familyName = ({ family, degree }) => (degree > 1 ? `${family} (degree ${degree})` : family);
export const errorOf = (row) => (row.predicted_j.mean === null ? null : row.predicted_j.mean / row.measured_j - 1);

const milli = (joules) => (joules === null ? null : 1e3 * joules);
const interval = (row) => row.predicted_j.interval95 ?? [null, null];

// Those that were predicted; the interval is the prediction's.
export function pointsOf(rows, name) {
  const known = rows.filter((row) => row.predicted_j.mean !== null);
  const named = new Set(sorted(known, (row) => Math.abs(errorOf(row)), true).slice(0, NAMED));
  return known.map((row) => {
    const [low, high] = interval(row).map(milli);
    const range = low === null ? "" : ` (${number(low)} to ${number(high)})`;
    return { name: name(row), x: milli(row.measured_j), y: milli(row.predicted_j.mean), low, high, named: named.has(row),
      color: row.extrapolates.length > 0 ? 1 : 0,
      shown: `measured ${number(milli(row.measured_j))} mJ, predicted ${number(milli(row.predicted_j.mean))} mJ${range}` };
  });
}

function plot(description, rows, name) {
  const points = pointsOf(rows, name);
  if (points.length === 0) return element("p", { class: "dim" }, `${description}: none was predicted.`);
  return figure(`${description}; whiskers: 95 % intervals, dashed: predicted as measured`,
    scatter(description, "measured (mJ)", "predicted (mJ)", points, { roof: { flat: Infinity, slope: 1 } }));
}

// A row for networks and one for operators, where the family knows these.
export function figuresOf(families) {
  return families.flatMap((family) => [["networks", family.networks], ["operators", family.operators]]
    .filter(([, figures]) => figures.count + figures.unknown > 0)
    .map(([what, figures]) => ({ name: familyName(family), what, complexity: family.complexity, ...figures })));
}

const inside = (row) => (row.with_interval > 0 ? row.inside / row.with_interval : null);

function figureColumns() {
  const share = (title, key) => ({ title, value: (row) => row[key], show: (row) => percent(row[key]) });
  return [share("error (%)", "mean"), share("sd", "sd"), share("median", "median"), share("p90", "p90"), share("worst", "worst"),
    { title: "R\u00b2", value: (row) => row.r_squared, show: (row) => number(row.r_squared, 3) }, share("accuracy (%)", "accuracy"),
    { title: "inside their intervals (%)", value: inside, show: (row) => percent(inside(row)) },
    { title: "predicted", value: (row) => row.count }, { title: "not predicted", value: (row) => row.unknown },
    { title: "extrapolate", value: (row) => row.extrapolated }];
}

function familiesTable(families) {
  return table("Relative errors of what was left out of the fit, family by family", [
    { title: "family", value: (row) => row.name, isName: true }, { title: "of", value: (row) => row.what, isText: true },
    { title: "coefficients", value: (row) => row.complexity }, ...figureColumns()], figuresOf(families));
}

function rowsTable(caption, rows, names) {
  return table(caption, [...names,
    { title: "measured (mJ)", value: (row) => row.measured_j, show: (row) => number(milli(row.measured_j)) },
    { title: "predicted (mJ)", value: (row) => row.predicted_j.mean, show: (row) => number(milli(row.predicted_j.mean)) },
    { title: "from", value: (row) => interval(row)[0], show: (row) => number(milli(interval(row)[0])) },
    { title: "to", value: (row) => interval(row)[1], show: (row) => number(milli(interval(row)[1])) },
    { title: "error (%)", value: errorOf, show: (row) => percent(errorOf(row)) },
    { title: "extrapolates", value: (row) => row.extrapolates.join(", "), isText: true, most: 80 }], rows);
}

const operatorName = (row) => `${row.run}: ${row.layer}`;

function familyParts(family) {
  const name = familyName(family), classes = Object.entries(family.by_class).map(([of, figures]) => ({ name: of, ...figures }));
  const parts = [element("h3", {}, "Networks"),
    rowsTable(`Networks, family ${name}`, family.network_rows, [{ title: "network", value: (row) => row.run, isName: true }])];
  if (classes.length > 0) {
    parts.push(element("h3", {}, "Classes of operators"), table(`Relative errors of operators by class, family ${name}`,
      [{ title: "class", value: (row) => row.name, isName: true }, ...figureColumns()], classes));
  }
  if (family.operator_rows.length > 0) {
    const more = family.operator_rows_left_out > 0 ? `, those of the most energy; ${family.operator_rows_left_out} more are not in this page` : "";
    const description = `Operators, family ${name}${more}`;
    parts.push(element("h3", {}, "Operators"), plot(description, family.operator_rows, operatorName), legend(KINDS),
      rowsTable(description, family.operator_rows, [{ title: "run", value: (row) => row.run, isText: true },
        { title: "operator", value: (row) => row.layer, isName: true }, { title: "type", value: (row) => row.type, isText: true }]));
  }
  parts.push(...family.notes.map((note) => element("p", { class: "dim" }, label(note, 300))));
  return parts;
}

export function evaluationTitle({ conditions, families }) {
  const networks = new Set(families.flatMap((family) => family.network_rows.map((row) => row.network))).size;
  const board = conditions.board && conditions.board !== "several" ? ` on ${label(conditions.board)}` : "";
  return networks > 0 ? `Predictions of ${networks} networks${board}` : `Predictions of operators${board}`;
}

// The sections of the page.
export function evaluationSections({ evaluation, notice }) {
  const { families, not_evaluated: missing, conditions, left_out: leftOut, rail, notes } = evaluation, place = element("div");
  const known = Object.entries({ "left out": leftOut, rail, ...conditions }).filter(([, value]) => value);
  const show = (family) => replace(place, ...familyParts(family));
  show(families[0]);
  return [
    section("families", "Families", element("p", {}, known.map(([name, value]) => `${name}: ${label(value)}`).join("; ")),
      familiesTable(families),
      ...missing.map(({ family, reason }) => element("p", { class: "missing" }, `${family} is not evaluated: ${label(reason, 300)}`)),
      element("div", { class: "columns" }, ...families.filter((family) => family.network_rows.length > 0)
        .map((family) => plot(`Networks, family ${familyName(family)}`, family.network_rows, (row) => row.run))), legend(KINDS),
      ...notes.map((note) => element("p", { class: "dim" }, label(note, 300)))),
    section("family", "One family", element("p", { class: "tools" },
      choice("Family", families.map(familyName), (at) => show(families[at]))), place),
  ].map((one) => markSimulated(one, Boolean(notice)));
}
