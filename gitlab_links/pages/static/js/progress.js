// Keeps a page current that shows how far something is: a look back, the deletion of an org.

import { LivePart } from "./live.js";
import { announce } from "./messages.js";
import { morph } from "./morph.js";

const frame = document.querySelector("[data-part]");
const progress = () => frame.querySelector("[data-live]");

const live = new LivePart(frame, {
  show: (page, hasStopped) => {
    const focused = progress().contains(document.activeElement);
    page.querySelectorAll("section[id]").forEach(showSection);
    for (const part of frame.querySelectorAll("[data-of]")) {
      if (part.dataset.of !== progress().dataset.of) part.remove(); // of an earlier one
    }
    if (focused && !progress().contains(document.activeElement)) {
      progress().focus({ preventScroll: true }); // the button is gone
    }
    if (hasStopped) announce(progress().querySelector("h1, p").textContent);
  },
});

// Buttons have ids, so that the focus never passes from one to another.
function showSection(next) {
  const shown = document.getElementById(next.id);
  if (shown) morph(shown, next);
  else frame.append(document.importNode(next, true));
}

live.start();
