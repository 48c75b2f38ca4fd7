// The connection's page looks again by itself: it has GitLab asked, and shows what came of it.

import { updateTimes } from "./times.js";

const CHECK_EVERY = 60000;
const LOOK_EVERY = 5000;

const section = document.querySelector("[data-health]");
const form = document.querySelector("[data-health-check]");
let shown = section.innerHTML;

async function check() {
  if (document.hidden) return;
  await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Fragment": "health" } });
}

async function look() {
  // Not under somebody's finger.
  if (document.hidden || section.contains(document.activeElement)) return;
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

const quietly = (work) => () => work().catch(() => {});

quietly(check)();
setInterval(quietly(check), CHECK_EVERY);
setInterval(quietly(look), LOOK_EVERY);
