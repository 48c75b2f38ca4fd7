// Keeps the page of the status rules current. Its form is left alone.

import { RENEWED } from "./filters.js";
import { LivePart } from "./live.js";
import { announce } from "./messages.js";
import { morph, remember, replaceRows } from "./morph.js";

const frame = document.querySelector("[data-part]");
const mode = () => frame.querySelector("#rules-mode");
const tasks = (page) => page.querySelector("#rules-tasks");
const list = (page) => page.querySelector("[data-results]");

const live = new LivePart(frame, {
  show: (page, hasStopped) => {
    morph(mode(), page.querySelector("#rules-mode")); // buttons by ids, as the focus is in one
    if (hasStopped) announce(mode().querySelector("p").textContent);
    showTasks(tasks(frame), tasks(page));
  },
});

function showTasks(shown, next) {
  if (!shown || !next) {
    shown?.remove();
    if (next) frame.append(document.importNode(next, true));
    return;
  }
  const options = [shown, next].map((part) => [...part.querySelectorAll("#filter-outcome option")]);
  options[1].forEach(({ textContent }, at) => {
    if (options[0][at].textContent !== textContent) options[0][at].textContent = textContent;
  });
  replaceRows(list(shown), list(next));
}

function follow() {
  live.adopt(document);
  if (list(frame)) remember(list(frame));
}

follow();
live.start();
document.addEventListener(RENEWED, follow);
