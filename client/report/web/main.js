// The page.

import { conditionsSection } from "./conditions.js";
import { element, replace } from "./dom.js";
import { energySection } from "./energy.js";
import { plotsSection } from "./plots.js";
import { summarySection } from "./summary.js";
import { label } from "./text.js";
import { timelineSection } from "./timeline.js";

function titleOf({ document: { run } }) {
  return `${label(run.net)} on ${label(run.board_title)}`;
}

function sectionsOf(run) {
  return [summarySection(run), timelineSection(run), energySection(run), plotsSection(run), conditionsSection(run)];
}

// Light, dark, or as the system has it.
function themeSwitch() {
  const button = element("button", { type: "button", class: "switch" }, "dark / light");
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    document.dispatchEvent(new Event("theme"));
  });
  return button;
}

function show(run) {
  const sections = sectionsOf(run);
  replace(document.getElementById("main"),
    run.notice ? element("p", { class: "notice", role: "note" }, label(run.notice, 300)) : "",
    element("nav", { "aria-label": "Sections" },
      ...sections.map((one) => element("a", { href: `#${one.id}` }, one.querySelector("h2").textContent))),
    ...sections);
}

function start() {
  const { runs } = JSON.parse(document.getElementById("data").textContent);
  document.title = `${titleOf(runs[0])} - synergy report`;
  replace(document.getElementById("head"), element("h1", {}, element("bdi", {}, titleOf(runs[0]))), themeSwitch());
  show(runs[0]);
  document.documentElement.dataset.ready = "yes";
}

start();
