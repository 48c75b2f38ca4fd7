// Choosing all projects of a group, or none.

for (const button of document.querySelectorAll("[data-picks] [data-all]")) {
  const boxes = [...button.closest("fieldset").querySelectorAll("input[type=checkbox]")];
  button.hidden = boxes.length < 2;
  button.addEventListener("click", () => {
    const chosen = boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = !chosen;
  });
}
