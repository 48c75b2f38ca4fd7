// Keeps the list of tasks current.

import { LivePart } from "./live.js";
import { RENEWED } from "./filters.js";
import { mark, remember, replaceRows } from "./morph.js";
import { noteList } from "./neighbours.js";
import { countSelected, followSelection } from "./selection.js";
import "./suggestions.js";

const frame = document.querySelector("[data-part]");
const list = () => frame.querySelector("[data-results]");

const live = new LivePart(frame, {
  steady: 4000,
  show: (page) => {
    const { added, changed } = replaceRows(list(), page.querySelector("[data-results]"));
    countSelected(frame);
    mark([...added, ...changed]);
  },
});

function follow() {
  live.adopt(document);
  remember(list());
  countSelected(frame);
}

follow();
live.start();
document.addEventListener(RENEWED, follow);
followSelection(frame);
window.addEventListener("pagehide", noteList);
