// Sends a form only once: its button shows that it is busy until the next page loads.

const GIVE_UP = 20000;

function release(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll(".is-busy")) {
    button.classList.remove("is-busy");
    button.removeAttribute("aria-disabled");
  }
}

// On window, so that handlers on the document, such as a confirm question, run first.
window.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  // Forms with data-form are sent by task.js.
  if (event.defaultPrevented || form.dataset.form || form.method !== "post") return;
  // A download opens no other page.
  if ("download" in form.dataset) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  form.setAttribute("aria-busy", "true");
  // aria-disabled, because disabled would drop its value from the form, and the focus.
  submitter?.setAttribute("aria-disabled", "true");
  submitter?.classList.add("is-busy");
  setTimeout(() => release(form), GIVE_UP);
});

// After going back in the browser's history the form can be sent again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach(release);
});
