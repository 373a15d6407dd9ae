// Joules of operators, modules and types: bars and a table of each.

import { bars } from "./charts.js";
import { choice, element, figure, replace, section } from "./dom.js";
import { half } from "./summary.js";
import { sorted, table } from "./table.js";
import { INTERVAL, number, percent, withInterval } from "./text.js";

// {mean, low, high, group}, in joules; mean is null where it is not known alone but in groups.
export function energyOf(op, rail) {
  const energy = op.energy_j?.[rail];
  if (!energy || energy.mean === null || energy.mean === undefined) return { mean: null, group: energy?.group ?? null };
  return { mean: energy.mean, low: energy.ci95?.[0] ?? null, high: energy.ci95?.[1] ?? null, group: null };
}

// "1 g2 +4"; null: of no group.
export function groupsText(ids) {
  if (ids.length === 0) return null;
  return ids.slice(0, 2).join(" g") + (ids.length > 2 ? ` +${ids.length - 2}` : "");
}

function groupEnergyOf(group, rail) {
  const mean = group.energy_j?.[rail] ?? null, ci95 = group.energy_ci95_j?.[rail] ?? null;
  if (mean === null) return { mean, group: groupsText(group.groups?.[rail] ?? []) };
  return { mean, low: ci95?.[0] ?? null, high: ci95?.[1] ?? null, group: null };
}

export function energyText(energy) {
  if (energy.mean === null) return energy.group === null ? "" : `g${energy.group}`;
  return withInterval(1e3 * energy.mean, energy.low === null ? null : 1e3 * (energy.high - energy.low) / 2);
}

// The types that have a colour of their own, dearest first; the rest share the last.
export function typeColors(document) {
  const names = document.types.map((type) => type.type);
  return { names: names.length > 8 ? [...names.slice(0, 7), "others"] : names,
    of: (type) => { const place = names.indexOf(type); return names.length > 8 && place >= 7 ? 7 : Math.max(0, place); } };
}

function barsOf(title, unit, rows) {
  const known = sorted(rows.filter((row) => row.energy.mean !== null), (row) => row.energy.mean, true);
  if (known.length === 0) return element("p", { class: "dim" }, `${title}: none is known alone on this rail.`);
  const more = known.length > 30 ? `, the 30 dearest of ${known.length}` : "";
  const description = `${title}${more}; the lines are the 95 % intervals`;
  return figure(description, bars(description, unit, known.map((row) => ({
    name: row.name, value: 1e3 * row.energy.mean, low: row.energy.low === null ? null : 1e3 * row.energy.low,
    high: row.energy.high === null ? null : 1e3 * row.energy.high, shown: `${energyText(row.energy)} mJ`, color: row.color,
  }))));
}

function opTable(rail, rows) {
  return table(`Operators, one execution each, on ${rail} (${INTERVAL})`, [
    { title: "#", value: (row) => row.op.index },
    { title: "operator", value: (row) => row.name, isName: true },
    { title: "type", value: (row) => row.op.type, isText: true },
    { title: "time (ms)", value: (row) => row.op.time_s.mean,
      show: (row) => withInterval(1e3 * row.op.time_s.mean, 1e3 * half(row.op.time_s.ci95)) },
    { title: "energy (mJ)", value: (row) => row.energy.mean, show: (row) => energyText(row.energy) },
    { title: "share (%)", value: (row) => row.op.energy_share?.[rail], show: (row) => percent(row.op.energy_share?.[rail]) },
    { title: "power (W)", value: (row) => row.op.power_w?.[rail], show: (row) => number(row.op.power_w?.[rail], 3) },
    { title: "MMACs", value: (row) => row.op.macs, show: (row) => row.op.macs === null ? "" : number(row.op.macs / 1e6) },
  ], rows, 4);
}

function groupTable(kind, rail, rows) {
  return table(`By ${kind}, of one inference, on ${rail}`, [
    { title: kind, value: (row) => row.name, isName: true },
    { title: "operators", value: (row) => row.group.operators },
    { title: "time (ms)", value: (row) => row.group.time_s, show: (row) => number(1e3 * row.group.time_s) },
    { title: "energy (mJ)", value: (row) => row.energy.mean, show: (row) => energyText(row.energy) },
    { title: "share (%)", value: (row) => row.group.energy_share?.[rail], show: (row) => percent(row.group.energy_share?.[rail]) },
    { title: "MMACs", value: (row) => row.group.macs, show: (row) => row.group.macs === null ? "" : number(row.group.macs / 1e6) },
  ], rows, 3);
}

function togetherTable(document, rail) {
  const groups = (document.groups ?? []).filter((group) => group.rail === rail);
  if (groups.length === 0) return "";
  return table(`Operators that ${rail} tells only together, of one inference`, [
    { title: "group", value: (group) => group.id, show: (group) => `g${group.id}`, isName: true },
    { title: "operators (#)", value: (group) => group.ops.join(" "), isText: true, most: Infinity },
    { title: "energy (mJ)", value: (group) => group.energy_j.mean,
      show: (group) => withInterval(1e3 * group.energy_j.mean, 1e3 * half(group.energy_j.ci95)) },
  ], groups);
}

function energyTables(document, rail) {
  const colors = typeColors(document);
  const ops = document.ops.map((op) => ({ op, name: op.name, energy: energyOf(op, rail), color: colors.of(op.type) }));
  const types = document.types.map((group) => ({ group, name: group.type, energy: groupEnergyOf(group, rail), color: colors.of(group.type) }));
  const modules = document.by_module.map((group) => ({ group, name: group.module, energy: groupEnergyOf(group, rail), color: 0 }));
  const pair = (title, chart, ...tables) => [element("h3", {}, title), element("div", { class: "columns beside" }, chart, element("div", {}, ...tables))];
  return [
    ...pair("Operators", barsOf(`Energy of an execution of each operator on ${rail}, coloured by type`, "mJ", ops),
      opTable(rail, ops), togetherTable(document, rail)),
    ...pair("Modules", barsOf(`Energy of each module on ${rail}`, "mJ of one inference", modules), groupTable("module", rail, modules)),
    ...pair("Types", barsOf(`Energy of each operator type on ${rail}`, "mJ of one inference", types), groupTable("type", rail, types)),
  ];
}

export function railChoice(run, draw) {
  const first = Math.max(0, run.rail_names.indexOf(run.top_rail));
  const names = [run.rail_names[first], ...run.rail_names.filter((_, i) => i !== first)];
  draw(names[0]);
  return names.length > 1 ? choice("Rail", names.map((name) => name), (place) => draw(names[place])) : "";
}

export function energySection(run) {
  if (run.rail_names.length === 0) return section("energy", "Energy", element("p", {}, "The board has no rail."));
  const place = element("div");
  const rails = railChoice(run, (rail) => replace(place, ...energyTables(run.document, rail)));
  return section("energy", "Energy", element("p", { class: "tools" }, rails), place);
}
