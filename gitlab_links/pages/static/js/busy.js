// A form that leads to another page is sent once: its button shows that it is busy until then.

const GIVE_UP = 20000;

function settle(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll(".is-busy")) {
    button.classList.remove("is-busy");
    button.removeAttribute("aria-disabled");
  }
}

// At the window: what the page itself has to say to it, as a question first, comes before.
window.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  // Those of a task are sent in place, and see to themselves.
  if (event.defaultPrevented || form.dataset.form || form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  form.setAttribute("aria-busy", "true");
  // Not disabled: its name and value would not be sent, and the focus would be lost.
  submitter?.setAttribute("aria-disabled", "true");
  submitter?.classList.add("is-busy");
  setTimeout(() => settle(form), GIVE_UP);
});

// Back in the browser's history: the page is as it was left, and may be sent again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach(settle);
});
