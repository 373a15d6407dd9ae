// Tables that sort by the column whose title is pressed.

import { element, replace } from "./dom.js";
import { label } from "./text.js";

function compare(a, b) {
  if (a === null || a === undefined || Number.isNaN(a)) return b === null || b === undefined ? 0 : 1;
  if (b === null || b === undefined || Number.isNaN(b)) return -1; // what is not known comes last
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [x, y] = [String(a), String(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

// The rows in the order of these values; equal ones, and unknown ones at the end, stay as they were.
export function sorted(rows, value, descending) {
  const isKnown = (row) => { const v = value(row); return v !== null && v !== undefined && !Number.isNaN(v); };
  const known = rows.filter(isKnown).sort((a, b) => (descending ? -1 : 1) * compare(value(a), value(b)));
  return known.concat(rows.filter((row) => !isKnown(row)));
}

function cell(column, row) {
  const shown = column.show ? column.show(row) : column.value(row);
  const text = label(shown, column.most ?? 60);
  const hint = text === String(shown ?? "") ? null : label(shown, 400);
  return element(column.isName ? "th" : "td", { scope: column.isName ? "row" : null, title: hint, class: column.isText || column.isName ? "text" : null },
    column.isText || column.isName ? element("bdi", {}, text) : text);
}

// columns: {title, value(row), show(row), isText, isName: of the row}; `by`: the place of the column that it is sorted by.
export function table(caption, columns, rows, by = null, descending = true) {
  const body = element("tbody");
  const heads = columns.map((column, place) => element("th", { scope: "col", class: column.isText || column.isName ? "text" : null },
    element("button", { type: "button", onclick: () => {
      descending = by === place ? !descending : !(column.isText || column.isName);
      by = place;
      draw();
    } }, column.title)));
  function draw() {
    heads.forEach((head, place) => {
      if (place === by) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const order = by === null ? rows : sorted(rows, columns[by].value, descending);
    replace(body, ...order.map((row) => element("tr", {}, ...columns.map((column) => cell(column, row)))));
  }
  draw();
  return element("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), body));
}
