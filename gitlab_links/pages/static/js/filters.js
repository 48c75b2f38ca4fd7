// Updates a list when its filters change, in place, so that the focus stays.

import { announce } from "./messages.js";
import { updateTimes } from "./times.js";

export const RENEWED = "results-renewed";

let newest = 0;

// The page at ``url``, or null if it leads elsewhere. Fails only without a connection.
async function pageAt(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function follow(form) {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const { pathname } = new URL(form.action);
  const url = `${pathname}${query.size > 0 ? `?${query}` : ""}`;
  const mine = ++newest;
  const page = await pageAt(url).catch(() => null);
  if (mine !== newest) return; // another choice was made meanwhile
  if (page) renew(page, url);
  else window.location.assign(url); // without a connection the browser's own page says so
}

function renew(page, url) {
  const [shown, next] = [document, page].map((root) => root.querySelector("[data-results]"));
  shown.replaceWith(document.importNode(next, true));
  for (const part of document.querySelectorAll("[data-renewed]")) {
    const renewed = page.getElementById(part.id);
    if (renewed) part.replaceWith(document.importNode(renewed, true));
  }
  window.history.replaceState(null, "", url);
  const results = document.querySelector("[data-results]");
  updateTimes(results);
  announce(results.dataset.results);
  document.dispatchEvent(new CustomEvent(RENEWED));
}

document.addEventListener("change", ({ target }) => {
  const form = target.closest?.("form[data-filters]");
  if (form && target.matches("select, input[type=text]")) follow(form);
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-filters]")) return;
  event.preventDefault();
  follow(event.target);
});
