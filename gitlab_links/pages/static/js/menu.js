// Keeps the marks of the menu current on pages that follow GitLab.

const EVERY = 15000;

const tabs = document.querySelector(".tabs");
let etag = "";
let timer = null;

// The marks of ``root`` replace those of the same name in the menu.
function showMarks(root) {
  for (const next of root.querySelectorAll("[data-menu-mark]")) {
    const shown = tabs?.querySelector(`[data-menu-mark="${next.dataset.menuMark}"]`);
    if (shown && shown.innerHTML !== next.innerHTML) {
      shown.replaceChildren(...document.importNode(next, true).childNodes);
    }
  }
}

// What the page itself says of GitLab is newer than what is stored.
function showOwnMark() {
  const own = document.querySelector("[data-menu-next]");
  if (own) showMarks(own);
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
  showOwnMark();
}

// At once, since what the page shows has changed.
export function renewMarks() {
  showOwnMark();
  if (tabs?.querySelector("[data-menu-mark]")) ask().catch(() => {});
}

export function keepMarksCurrent() {
  timer = setInterval(() => document.hidden || renewMarks(), EVERY);
}

// There is nothing more to follow.
export function leaveMarks() {
  clearInterval(timer);
}
