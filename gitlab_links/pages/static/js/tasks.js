// Keeps the list of tasks current.

import { LivePart } from "./live.js";
import { RENEWED } from "./filters.js";
import { mark, remember, replaceRows } from "./morph.js";
import { noteList } from "./neighbours.js";
import { countSelected, followSelection, showNewer } from "./selection.js";
import "./suggestions.js";

const frame = document.querySelector("[data-part]");
const list = () => frame.querySelector("[data-results]");

const live = new LivePart(frame, {
  steady: 4000,
  show: (page) => {
    const next = page.querySelector("[data-results]");
    const { added, changed } = showNewer(frame, () => replaceRows(list(), next));
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
