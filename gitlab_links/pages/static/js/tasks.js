// Keeps the list of tasks current.

import { LivePart } from "./live.js";
import { RENEWED } from "./filters.js";
import { announce } from "./messages.js";
import { mark, remember, replaceRows } from "./morph.js";
import { noteList } from "./neighbours.js";
import "./suggestions.js";

const frame = document.querySelector("[data-part]");
const list = () => frame.querySelector("[data-results]");

const live = new LivePart(frame, {
  steady: 4000,
  show: (page) => {
    const next = page.querySelector("[data-results]");
    const { added, changed } = replaceRows(list(), next);
    list().dataset.away = next.dataset.away;
    list().dataset.results = next.dataset.results;
    countSelected();
    mark([...added, ...changed]);
  },
});

function countSelected() {
  const words = frame.querySelector("[data-selected]");
  if (!words) return;
  const count = frame.querySelectorAll(".task-row :checked").length;
  words.textContent = `${count} ${count === 1 ? "task" : "tasks"} selected`;
}

function announceSelected({ target }) {
  if (!target.matches(".task-row input[type=checkbox]")) return;
  countSelected();
  const words = frame.querySelector("[data-selected]").textContent;
  const isFirst = target.checked && frame.querySelectorAll(".task-row :checked").length === 1;
  const hasKeys = "shortcuts" in document.body.dataset;
  announce(isFirst && hasKeys ? `${words}. Press s to change them.` : words);
}

function follow() {
  live.adopt(list());
  remember(list());
  countSelected();
}

follow();
live.start();
document.addEventListener(RENEWED, follow);
frame.addEventListener("change", announceSelected);
window.addEventListener("pagehide", noteList);
