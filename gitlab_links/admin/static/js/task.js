// The links of an open task: linked, unlinked and refreshed in place, and kept current.

import { announce, offerDismissal } from "./page.js";
import { LiveList } from "./live.js";

const section = document.querySelector("[data-live]");
const live = new LiveList(section);
live.start();

async function send(form, action, submitter) {
  const body = new FormData(form, submitter);
  const answer = await fetch(action, { method: "POST", body, headers: { "X-Fragment": "links" } });
  if (answer.status === 401 || answer.redirected) {
    window.location.reload();
    return null;
  }
  return { answer, page: new DOMParser().parseFromString(await answer.text(), "text/html") };
}

function showNotices(page) {
  const notices = page.querySelectorAll(".notice");
  if (notices.length === 0) return [];
  const toasts = document.querySelector("[data-toasts]");
  toasts.replaceChildren(...[...notices].map((notice) => document.importNode(notice, true)));
  offerDismissal(toasts);
  announce([...toasts.querySelectorAll("p")].map((p) => p.textContent).join(" "));
  return [...toasts.children];
}

function showLinkForm(page) {
  const next = page.querySelector("[data-link-form]");
  const shown = section.querySelector("[data-link-form]");
  if (!next || !shown) return;
  shown.replaceWith(document.importNode(next, true));
  section.querySelector("#link-url").focus();
}

function failed() {
  const template = document.querySelector("template[data-failure]");
  const toasts = document.querySelector("[data-toasts]");
  toasts.replaceChildren(template.content.cloneNode(true));
  offerDismissal(toasts);
}

async function handle(event, then) {
  event.preventDefault();
  const { target: form, submitter } = event;
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  submitter?.setAttribute("aria-disabled", "true");
  try {
    const sent = await send(form, action, submitter);
    if (!sent) return;
    const done = sent.answer.ok;
    const rows = done ? live.show(sent.page, sent.answer, { marked: true }) : { added: [] };
    if (!done && !sent.page.querySelector("[data-link-form]")) failed();
    then({ done, rows, page: sent.page });
    live.hurry();
  } catch {
    failed();
    live.hurry();
  } finally {
    submitter?.removeAttribute("aria-disabled");
  }
}

const handlers = {
  link: (event) => handle(event, ({ done, rows, page }) => {
    showLinkForm(page);
    if (done && rows.added[0]) announce(`Linked ${rows.added[0].dataset.reference}`);
  }),
  unlink: (event) => handle(event, ({ page }) => {
    const [toast] = showNotices(page);
    toast?.querySelector("button")?.focus();
  }),
  undo: (event) => handle(event, ({ done, rows, page }) => {
    if (!done) return;
    document.querySelector("[data-toasts]").replaceChildren();
    showNotices(page);
    if (rows.added[0]) {
      announce(`Linked ${rows.added[0].dataset.reference} again`);
      rows.added[0].querySelector("a").focus();
    }
  }),
  refresh: (event) => handle(event, ({ page }) => showNotices(page)),
};

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const role = event.target.dataset.form;
  if (role in handlers) handlers[role](event);
});

// Pasting an address into the empty field says all there is to say.
document.addEventListener("paste", (event) => {
  const field = event.target;
  if (field.id !== "link-url" || field.value !== "") return;
  if (!/^\s*https?:\/\/\S+\s*$/.test(event.clipboardData.getData("text"))) return;
  setTimeout(() => field.form.requestSubmit());
});
