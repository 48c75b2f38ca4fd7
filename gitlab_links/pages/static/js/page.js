// On every page: current times, messages, closing menus, copy buttons, confirm questions,
// filters and keyboard shortcuts.

import "./busy.js";
import "./fields.js";
import "./filters.js";
import { announce } from "./messages.js";
import "./shortcuts.js";
import { keepTimesCurrent } from "./times.js";

keepTimesCurrent();

// On a narrow screen the navigation scrolls; the current page should be visible.
const tabs = document.querySelector(".tabs");
const tab = tabs?.querySelector("[aria-current]");
if (tab) tabs.scrollLeft = tab.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;

const menus = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of menus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of menus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// A menu that asks for something is typed into at once. Not with the event "toggle", which comes
// after the next key.
document.addEventListener("click", (event) => {
  const menu = event.target.closest("details[data-menu] > summary")?.parentElement;
  const field = menu?.querySelector(".menu-form input[type=text]");
  if (!field || menu.open) return;
  event.preventDefault();
  menu.open = true;
  field.focus();
  field.select();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A crumb leads back to the list as it was last filtered in this tab.
const LISTS = "lists-as-filtered";
const lists = JSON.parse(sessionStorage.getItem(LISTS) ?? "{}");
for (const crumb of document.querySelectorAll("a[data-back]")) {
  crumb.search = lists[crumb.pathname] ?? "";
}
window.addEventListener("pagehide", () => {
  if (!document.querySelector("form[data-filters]")) return;
  lists[window.location.pathname] = window.location.search;
  sessionStorage.setItem(LISTS, JSON.stringify(lists));
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(field.value ?? field.textContent.trim());
    announce("Copied");
    const words = button.querySelector("[data-words]");
    const before = words.textContent;
    words.textContent = "Copied";
    setTimeout(() => { words.textContent = before; }, 2000);
  });
}
