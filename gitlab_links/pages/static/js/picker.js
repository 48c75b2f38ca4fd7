// Items to choose from while somebody types into the field for a link. The field stays a text
// box: what is chosen is written into it and sent.

import { announce } from "./messages.js";

const PAUSE = 350;
const BUSY = 700;
const SHORTEST = 3;
const LONGEST = 1000;

const field = () => document.querySelector("#link-url");
const frame = () => document.querySelector("[data-suggestions]");
const options = () => [...frame().querySelectorAll("[role=option]")];
let timer = 0;
let request = null;

export function closePicker() {
  clearTimeout(timer);
  request?.abort();
  frame()?.replaceChildren();
  for (const name of ["aria-activedescendant", "aria-controls"]) field()?.removeAttribute(name);
}

async function search(text) {
  request?.abort();
  request = new AbortController();
  const url = `${frame().dataset.suggestions}?${new URLSearchParams({ q: text })}`;
  try {
    const answer = await fetch(url, { signal: request.signal, headers: { "X-Fragment": "suggestions" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (field().value.trim() !== text) return;
    const found = document.importNode(page.querySelector("[data-found]"), true);
    if ("busy" in found.dataset) {
      timer = setTimeout(search, BUSY, text);
      return;
    }
    frame().replaceChildren(found);
    field().removeAttribute("aria-activedescendant");
    const count = Number(found.dataset.found);
    if (!count) return;
    field().setAttribute("aria-controls", "link-suggestions");
    announce(`${count} found. Choose with the arrow keys.`);
  } catch (error) {
    if (error.name !== "AbortError") closePicker();
  }
}

function activate(option) {
  for (const one of options()) one.setAttribute("aria-selected", one === option ? "true" : "false");
  if (option) {
    field().setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else field().removeAttribute("aria-activedescendant");
}

function choose(option) {
  field().value = option.dataset.value;
  closePicker();
  field().form.requestSubmit();
}

function move(step) {
  const all = options();
  const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
  const next = at + step;
  activate(at < 0 ? all[step > 0 ? 0 : all.length - 1] : all[next]);
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "link-url" || !frame()) return;
  clearTimeout(timer);
  const text = field().value.trim();
  const searchable = text.length >= SHORTEST && text.length <= LONGEST;
  if (!searchable || text.includes("\n")) closePicker();
  else timer = setTimeout(search, PAUSE, text);
});

// Before task.js, whose Enter sends what is typed.
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "link-url" || !frame() || options().length === 0) return;
  const chosen = options().find((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") move(1);
  else if (event.key === "ArrowUp") move(-1);
  else if (event.key === "Escape") closePicker();
  else if (event.key === "Enter" && chosen && !event.shiftKey && !event.isComposing) choose(chosen);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

document.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.("[data-suggestions] [role=option]");
  if (!option || event.button !== 0) return;
  event.preventDefault();
  choose(option);
});

document.addEventListener("focusin", (event) => {
  if (frame() && event.target.id !== "link-url") closePicker();
});
