// Keeps the overview current.

import { LivePart } from "./live.js";
import { morph } from "./morph.js";

const frame = document.querySelector("[data-part]");
const figures = () => frame.querySelector("[data-figures]");

const live = new LivePart(frame, {
  steady: 15000,
  show: (page) => {
    morph(figures(), page.querySelector("[data-figures]"));
    hurryIfCounting();
  },
});

// A job is counting: its figures come within seconds.
function hurryIfCounting() {
  if ("counting" in figures().dataset) live.hurry();
}

live.start();
hurryIfCounting();
