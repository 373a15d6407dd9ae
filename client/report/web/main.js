// The page.

import { comparisonSection } from "./comparison.js";
import { conditionsSection } from "./conditions.js";
import { element, markSimulated, replace } from "./dom.js";
import { energySection } from "./energy.js";
import { evaluationSections, evaluationTitle } from "./evaluation.js";
import { plotsSection } from "./plots.js";
import { summarySection } from "./summary.js";
import { label } from "./text.js";
import { timelineSection } from "./timeline.js";

// What changes colours besides the switch: the system, and paper.
for (const query of ["(prefers-color-scheme: dark)", "print"]) {
  matchMedia(query).addEventListener("change", () => document.dispatchEvent(new Event("theme")));
}

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

function links(sections) {
  return element("nav", { "aria-label": "Sections" },
    ...sections.map((one) => element("a", { href: `#${one.id}` }, one.querySelector("h2").textContent)));
}

// The run's own part; of several with its name above it.
function show(run, isOneOfMany, place) {
  const sections = sectionsOf(run);
  markSimulated(place, Boolean(run.notice));
  replace(place, isOneOfMany ? element("h2", { id: "run" }, element("bdi", {}, `Run ${run.document.run.number}: ${titleOf(run)}`)) : "",
    links(sections), ...sections);
}

function fill(title, notice, ...parts) {
  document.title = `${title} - synergy report`;
  replace(document.getElementById("head"), element("h1", {}, element("bdi", {}, title)), themeSwitch());
  replace(document.getElementById("main"), notice ? element("p", { class: "notice", role: "note" }, label(notice, 300)) : "", ...parts);
}

function startRuns({ runs }) {
  const title = runs.length > 1 ? `${runs.length} runs` : titleOf(runs[0]), notice = runs.map((run) => run.notice).find(Boolean);
  const place = element("div");
  fill(title, notice, runs.length > 1 ? comparisonSection(runs, (run) => show(run, true, place)) : "", place);
  show(runs[0], runs.length > 1, place);
}

function startEvaluation(data) {
  const sections = evaluationSections(data);
  fill(evaluationTitle(data.evaluation), data.notice, links(sections), ...sections);
}

const data = JSON.parse(document.getElementById("data").textContent);
if (data.evaluation) startEvaluation(data);
else startRuns(data);
document.documentElement.dataset.ready = "yes";
