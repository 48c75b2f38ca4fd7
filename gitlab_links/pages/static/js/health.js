// Keeps the health part of the GitLab page current. Requesting it also makes workers check with
// GitLab.

import { LivePart } from "./live.js";
import { announce, hasNoMessage, takeBack, toast } from "./messages.js";
import { morph } from "./morph.js";

const frame = document.querySelector("[data-part]");
const health = (page) => page.querySelector("#health");

// A message about a problem of the connection goes when the connection has none any more.
function takeBackContradicted() {
  if (frame.querySelector(".health").dataset.problem) return;
  for (const notice of document.querySelectorAll(".notice[data-problem]")) takeBack(notice);
}

const operations = () => [...frame.querySelectorAll("[data-operation]")];

function isInView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
}

// A copy for who is further down, at the button that has requested the operation.
function copyOf(notice) {
  const copy = notice.cloneNode(true);
  copy.removeAttribute("id");
  copy.querySelector("ol")?.remove(); // the steps go on
  return copy;
}

function showChanges(news) {
  const inView = news.filter(isInView);
  const others = news.filter((notice) => !inView.includes(notice));
  if (inView.length > 0) announce(inView.map((notice) => notice.querySelector("p").textContent).join(" "));
  for (const { dataset } of others) {
    takeBack(document.querySelector(`.toasts [data-operation="${dataset.operation}"]`));
  }
  toast(others.map(copyOf));
}

const live = new LivePart(frame, {
  steady: 5000,
  show: (page) => {
    const before = new Set(operations().map(({ id }) => id));
    morph(health(frame), health(page));
    showChanges(operations().filter(({ id }) => !before.has(id)));
    takeBackContradicted();
  },
});

// The newest is first; a worker may have finished it already.
if (hasNoMessage) showChanges(operations().filter((notice, at) => at === 0 || notice.matches(".is-blue")));
live.start();
