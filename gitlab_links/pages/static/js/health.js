// Polls the health part of the GitLab page. Requesting it also makes workers check with GitLab.

import { showMarks } from "./menu.js";
import { takeBack } from "./messages.js";
import { updateTimes } from "./times.js";

const POLL_EVERY = 5000;

const section = document.querySelector("[data-health]");
let shown = section.innerHTML;

// A message about a problem of the connection goes when the connection has none any more.
function takeBackContradicted() {
  if (section.querySelector(".health").dataset.problem) return;
  for (const notice of document.querySelectorAll(".notice[data-problem]")) takeBack(notice);
}

async function poll() {
  // Not while somebody uses a button in it or selects text.
  const picked = document.getSelection();
  if (document.hidden || section.contains(document.activeElement)) return;
  if (!picked.isCollapsed && section.contains(picked.anchorNode)) return;
  const answer = await fetch(section.dataset.health, { headers: { "X-Fragment": "health" } });
  if (answer.redirected || [401, 403, 404].includes(answer.status)) {
    window.location.reload();
    return;
  }
  if (!answer.ok) return;
  const text = await answer.text();
  if (text === shown) return;
  shown = text;
  const page = new DOMParser().parseFromString(text, "text/html");
  showMarks(page.querySelector("[data-menu-next]").content);
  section.replaceChildren(...[...page.body.children].map((part) => document.importNode(part, true)));
  updateTimes(section);
  takeBackContradicted();
}

setInterval(() => poll().catch(() => {}), POLL_EVERY);
