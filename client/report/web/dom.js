// Making elements. Texts are only ever set as text, so that no name of a run is markup, and none turns what stands beside it.

import { visible } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : visible(value));
  }
  for (const child of children) made.append(child instanceof Node ? child : visible(child)); // a string becomes a text
  return made;
}

export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function section(id, title, ...children) {
  return element("section", { id, "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title), ...children);
}

// A figure with its description for those who do not see it.
export function figure(description, plot, ...more) {
  const isChart = plot instanceof SVGElement;
  return element("figure", { "aria-label": description, class: isChart ? "chart" : null }, plot, element("figcaption", {}, description), ...more);
}

// A choice of a few names, each with what it stands for; calls `chosen` with that.
export function choice(title, names, chosen) {
  const select = element("select", {}, ...names.map((name, i) => element("option", { value: String(i) }, name)));
  select.addEventListener("change", () => chosen(Number(select.value)));
  return element("label", { class: "choice" }, title, " ", select);
}

// Whether what is in there comes from a simulated board: page.css marks its pictures and tables.
export function markSimulated(place, isSimulated) {
  place.toggleAttribute("data-simulated", isSimulated);
  return place;
}

export function replace(place, ...children) {
  place.replaceChildren(...children);
}
