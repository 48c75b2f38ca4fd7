// Keeps the health part of the GitLab page current. Requesting it also makes workers check with
// GitLab.

import { LivePart } from "./live.js";
import { takeBack } from "./messages.js";
import { morph } from "./morph.js";

const frame = document.querySelector("[data-part]");
const health = (page) => page.querySelector("#health");

// A message about a problem of the connection goes when the connection has none any more.
function takeBackContradicted() {
  if (frame.querySelector(".health").dataset.problem) return;
  for (const notice of document.querySelectorAll(".notice[data-problem]")) takeBack(notice);
}

const live = new LivePart(frame, {
  steady: 5000,
  show: (page) => {
    morph(health(frame), health(page));
    takeBackContradicted();
  },
});

live.start();
