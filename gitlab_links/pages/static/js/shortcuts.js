// Keys that lead somewhere, wherever nothing is being typed and no popup has the focus. They can be
// switched off in the account; the list of them opens with "?" or from the menu of the account.

const SEQUENCE = 1500;

const dialog = document.querySelector("dialog[data-shortcuts-list]");
const on = "shortcuts" in document.body.dataset;
let wentAt = -Infinity;

function showList() {
  if (!dialog.open) dialog.showModal();
}

function follow(selector) {
  const link = document.querySelector(selector);
  link?.click();
  return Boolean(link);
}

function create() {
  const url = document.body.dataset.newTask;
  if (url) window.location.assign(url);
  return Boolean(url);
}

function find() {
  const field = document.querySelector("[data-find] input");
  field?.focus();
  field?.select();
  return Boolean(field);
}

const titles = () => [...document.querySelectorAll(".rows :is(.task-title, .item-title)")];

// On the page of a task the next one of the list that it was opened from, else the next row.
function step(by) {
  if (document.querySelector("[data-neighbours]")) {
    return follow(`[data-neighbour="${by > 0 ? "next" : "previous"}"][href]`);
  }
  const links = titles();
  const row = document.activeElement.closest(".rows > *");
  const here = links.findIndex((link) => row?.contains(link));
  const target = here < 0 ? links.at(by > 0 ? 0 : -1) : links[here + by];
  target?.focus();
  target?.scrollIntoView({ block: "nearest" });
  return Boolean(target);
}

function select() {
  const box = document.activeElement.closest(".task-row")?.querySelector("input[type=checkbox]");
  box?.click();
  return Boolean(box);
}

let selectedFrom = null;

// To what can be done with the selected tasks; Escape leads back to the row.
function act() {
  const bar = document.querySelector("#selection");
  if (!bar || !document.querySelector(".task-row :checked")) return false;
  selectedFrom = document.activeElement;
  bar.querySelector("select").focus();
  bar.scrollIntoView({ block: "nearest" });
  return true;
}

function leaveSelection() {
  const back = selectedFrom?.isConnected && selectedFrom !== document.body ? selectedFrom : titles()[0];
  back?.focus();
  back?.scrollIntoView({ block: "nearest" });
  return Boolean(back);
}

const KEYS = {
  "?": () => { showList(); return true; },
  "/": find,
  n: create,
  c: create,
  e: () => follow("a[data-edit]"),
  u: () => follow("a[data-back]"),
  j: () => step(1),
  k: () => step(-1),
  x: select,
  s: act,
};

const FIELDS = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const POPUPS = "dialog, details[data-menu][open]";

function isTyping({ target }) {
  return Boolean(target.closest?.(`${FIELDS}, ${POPUPS}`));
}

if (dialog) {
  for (const button of document.querySelectorAll("[data-shortcuts-help]")) {
    button.hidden = false;
    button.addEventListener("click", showList);
  }
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
}

if (dialog && on) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && event.target.closest("#selection") && leaveSelection()) return;
    if (event.defaultPrevented || isTyping(event)) return;
    const isGoing = event.timeStamp - wentAt < SEQUENCE;
    wentAt = -Infinity;
    if (isGoing && /^[a-z]$/.test(event.key)) {
      if (follow(`a[data-go="${event.key}"]`)) event.preventDefault();
    } else if (event.key === "g") {
      wentAt = event.timeStamp;
    } else if (Object.hasOwn(KEYS, event.key) && KEYS[event.key]()) {
      event.preventDefault();
    }
  });
}
