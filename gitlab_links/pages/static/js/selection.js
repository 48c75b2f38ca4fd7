// The selected tasks of the list: how many, all of the page, and a range by Shift.

import { announce } from "./messages.js";

const boxes = (frame) => [...frame.querySelectorAll("input[name=task]")];
const chosen = (frame) => boxes(frame).filter((box) => box.checked);

// Those whose rows have left the list: nothing is done with them, and the answer says so.
const left = (frame) => [...frame.querySelectorAll("#selection [name=left]")];

export function countSelected(frame) {
  const words = frame.querySelector("[data-selected]");
  if (!words) return;
  const all = boxes(frame);
  const count = chosen(frame).length;
  if (count === 0) for (const field of left(frame)) field.remove();
  const gone = left(frame).length;
  words.textContent = `${count} ${count === 1 ? "task" : "tasks"} selected`;
  if (gone > 0) words.textContent += `, ${gone} no longer listed`;
  const whole = frame.querySelector("[data-select-all]");
  if (!whole) return;
  whole.checked = count > 0 && count === all.length;
  whole.indeterminate = count > 0 && count < all.length;
}

// Shows a newer list by ``show``, and keeps in mind which of the selected tasks it lacks.
export function showNewer(frame, show) {
  const before = chosen(frame).map((box) => box.value);
  const result = show();
  const form = frame.querySelector("#selection");
  const shown = new Set(boxes(frame).map((box) => box.value));
  for (const field of left(frame)) if (shown.has(field.value)) field.remove();
  for (const value of form ? before : []) {
    if (shown.has(value)) continue;
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "left", value });
    form.append(field);
  }
  countSelected(frame);
  return result;
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
    const count = chosen(frame).length;
    announceSelected(frame, target.checked && (count === 1 || !isOne));
  });
}
