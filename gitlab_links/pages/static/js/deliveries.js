// Keeps the list of deliveries current. New ones wait behind a button while somebody reads the list.

import { RENEWED } from "./filters.js";
import { LivePart } from "./live.js";
import { mark, morph, remember, replaceRows } from "./morph.js";
import { updateTimes } from "./times.js";

const frame = document.querySelector("[data-part]");
const button = frame.querySelector("[data-newer]");
const list = (page) => page.querySelector("[data-results]");
const rows = (part) => [...part.querySelectorAll("[data-rows] > tr")];
let kept = null;

const live = new LivePart(frame, {
  steady: 4000,
  show: (page) => {
    const next = list(page);
    const fresh = rows(next).filter(({ id }) => !document.getElementById(id));
    if (fresh.length > 0 && rows(list(frame)).length > 0 && isRead()) keep(next, fresh.length);
    else showAll(next);
  },
});

// Whether somebody is at the list: with the pointer, the focus, a selection, or scrolled into it.
function isRead() {
  const shown = list(frame);
  const picked = document.getSelection();
  const selects = !picked.isCollapsed && shown.contains(picked.anchorNode);
  const { top } = shown.getBoundingClientRect();
  return selects || top < 0 || shown.contains(document.activeElement) || shown.matches(":hover");
}

// What is shown already changes in its place.
function keep(next, count) {
  kept = next;
  for (const row of rows(next)) {
    const shown = document.getElementById(row.id);
    if (shown) morph(shown, row);
  }
  button.textContent = count < rows(next).length
    ? `Show ${count} newer ${count === 1 ? "delivery" : "deliveries"}`
    : "Show newer deliveries";
  button.hidden = false;
}

function showAll(next) {
  kept = null;
  button.hidden = true;
  const { added, changed } = replaceRows(list(frame), next);
  updateTimes(list(frame));
  mark([...added, ...changed]);
}

function follow() {
  kept = null;
  button.hidden = true;
  live.adopt(document);
  remember(list(frame));
}

button.addEventListener("click", () => {
  if (kept) showAll(kept);
  list(frame).scrollIntoView({ block: "nearest" });
  list(frame).querySelector("a")?.focus();
});
follow();
live.start();
document.addEventListener(RENEWED, follow);
