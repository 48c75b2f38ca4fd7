// Removes the error of a field when something else is typed into it.

document.addEventListener("input", ({ target }) => {
  if (target.getAttribute?.("aria-invalid") !== "true") return;
  const error = `${target.id}-error`;
  target.removeAttribute("aria-invalid");
  target.classList.remove("is-invalid");
  const described = (target.getAttribute("aria-describedby") ?? "").split(/\s+/);
  const rest = described.filter((id) => id && id !== error).join(" ");
  if (rest) target.setAttribute("aria-describedby", rest);
  else target.removeAttribute("aria-describedby");
  document.getElementById(error)?.remove();
});
