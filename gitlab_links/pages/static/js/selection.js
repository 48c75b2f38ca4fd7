// The selected tasks of the list: how many, all of the page, and a range by Shift.

import { announce } from "./messages.js";

const boxes = (frame) => [...frame.querySelectorAll("input[name=task]")];

export function countSelected(frame) {
  const words = frame.querySelector("[data-selected]");
  if (!words) return;
  const all = boxes(frame);
  const count = all.filter((box) => box.checked).length;
  words.textContent = `${count} ${count === 1 ? "task" : "tasks"} selected`;
  const whole = frame.querySelector("[data-select-all]");
  if (!whole) return;
  whole.checked = count > 0 && count === all.length;
  whole.indeterminate = count > 0 && count < all.length;
}

function announceSelected(frame, isFirst) {
  const words = frame.querySelector("[data-selected]").textContent;
  const hasKeys = "shortcuts" in document.body.dataset;
  announce(isFirst && hasKeys ? `${words}. Press s to change them.` : words);
}

export function followSelection(frame) {
  let last = null; // the box that was changed last, where a range begins

  // The browser changes the box after this, so the range takes what the box will be.
  frame.addEventListener("click", ({ target, shiftKey }) => {
    if (!target.matches("input[name=task]")) return;
    const all = boxes(frame);
    const [from, to] = [all.indexOf(last), all.indexOf(target)].sort((one, two) => one - two);
    if (shiftKey && from >= 0) {
      for (const box of all.slice(from, to + 1)) box.checked = target.checked;
    }
    last = target;
  });

  frame.addEventListener("change", ({ target }) => {
    const isOne = target.matches("input[name=task]");
    if (target.matches("[data-select-all]")) {
      for (const box of boxes(frame)) box.checked = target.checked;
    } else if (!isOne) return;
    countSelected(frame);
    const count = boxes(frame).filter((box) => box.checked).length;
    announceSelected(frame, target.checked && (count === 1 || !isOne));
  });
}
