// Keeps the list of what waits on the viewer current.

import { LivePart } from "./live.js";
import { mark, remember, updateRows } from "./morph.js";

const frame = document.querySelector("[data-part]");
const list = (page) => page.querySelector("[data-results]");

const live = new LivePart(frame, {
  steady: 4000,
  show: (page) => {
    const [shown, next] = [list(frame), list(page)];
    const changes = [...next.querySelectorAll("section")].flatMap((group) => {
      const known = document.getElementById(group.id);
      return known ? [updateRows(...[known, group].map((part) => part.querySelector(".rows")))] : [];
    });
    const { added } = updateRows(shown, next); // headings, and groups that come or go
    mark([
      ...changes.flatMap((one) => [...one.added, ...one.changed]),
      ...added.flatMap((group) => [...group.querySelectorAll(".item")]),
    ]);
  },
});

remember(list(frame));
live.start();
