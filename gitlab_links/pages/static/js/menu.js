// Keeps the marks of the menu current on pages that follow GitLab.

const EVERY = 15000;

const tabs = document.querySelector(".tabs");
let etag = "";

// The marks of ``root`` replace those of the same name in the menu.
export function showMarks(root) {
  for (const next of root.querySelectorAll("[data-menu-mark]")) {
    const shown = tabs?.querySelector(`[data-menu-mark="${next.dataset.menuMark}"]`);
    if (shown && shown.innerHTML !== next.innerHTML) {
      shown.replaceChildren(...document.importNode(next, true).childNodes);
    }
  }
}

async function ask() {
  const answer = await fetch(tabs.dataset.marksUrl, {
    headers: { "If-None-Match": etag, "X-Fragment": "menu" },
    cache: "no-store",
  });
  // After the session has ended, the part of the page that is followed leads to the login.
  if (answer.status !== 200 || answer.redirected) return;
  etag = answer.headers.get("ETag") ?? "";
  showMarks(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

// At once, since what the page shows has changed.
export function renewMarks() {
  if (tabs?.querySelector("[data-menu-mark]")) ask().catch(() => {});
}

export function keepMarksCurrent() {
  setInterval(() => document.hidden || renewMarks(), EVERY);
}
