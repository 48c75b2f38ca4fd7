// The connection's page looks again by itself. To be looked at is what has GitLab asked anew.

import { updateTimes } from "./times.js";

const LOOK_EVERY = 5000;

const section = document.querySelector("[data-health]");
let shown = section.innerHTML;

async function look() {
  // Not under somebody's finger, nor what is being copied.
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
  section.replaceChildren(...[...page.body.children].map((part) => document.importNode(part, true)));
  updateTimes(section);
}

setInterval(() => look().catch(() => {}), LOOK_EVERY);
