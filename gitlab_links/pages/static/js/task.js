// An open task: keeps its title, status and links current, and adds and removes links in place.

import { announce, takeBack, toast } from "./messages.js";
import { LivePart } from "./live.js";
import { closePicker } from "./picker.js";
import { mark, morph, remember, replaceRows } from "./morph.js";

const section = document.querySelector("[data-part]");
const list = () => section.querySelector("[data-links]");

function wordsOf(row) {
  const state = row.querySelector("[data-state]")?.textContent.trim() ?? "";
  return `${row.dataset.reference} changed: ${row.querySelector("a").textContent}, ${state}`;
}

function announceChanges({ added, changed }) {
  const rows = [...added, ...changed];
  if (rows.length > 2) announce(`${rows.length} links changed`);
  else if (rows.length > 0) announce(rows.map(wordsOf).join(". "));
}

function showHead(page) {
  const next = page.querySelector("[data-task]");
  const shown = document.querySelector("[data-task]");
  if (!next || !shown) return;
  const before = shown.dataset.task;
  morph(shown, next);
  if (before === next.dataset.task) return;
  document.title = next.dataset.title;
  announce(next.dataset.task);
}

function showList(page) {
  const next = page.querySelector("[data-links]");
  if (!next) return { added: [], changed: [] };
  const result = replaceRows(list(), next);
  const { pathname, search } = window.location;
  if (search && next.dataset.page === "1") window.history.replaceState(null, "", pathname);
  section.querySelector("[data-links-count]").textContent = next.dataset.count;
  mark([...result.added, ...result.changed]);
  return result;
}

const live = new LivePart(section, {
  steady: 1500,
  hurries: () => section.querySelector('[data-sync="never"]') !== null,
  show: (page) => {
    showHead(page);
    const result = showList(page);
    if (!live.answering) announceChanges(result);
    return result;
  },
  leave: (answer) => ([401, 404].includes(answer.status) ? leave(answer) : window.location.reload()),
});
remember(list());
live.start();

// After the session has ended: the login leads back here, with what is in the field. With the task
// deleted, the answer has it as well; with nothing typed, what the part answered is shown.
function leave(answer) {
  const form = section.querySelector("[data-link-form]");
  if (form?.querySelector("#link-url").value.trim()) form.submit();
  else live.reload(answer);
}

async function send(form, action, submitter) {
  const body = new FormData(form, submitter);
  const answer = await fetch(action, { method: "POST", body, headers: { "X-Fragment": "links" } });
  if (answer.status === 401 || answer.redirected) {
    leave();
    return null;
  }
  if ([400, 403, 404].includes(answer.status) && form.dataset.form === "link") {
    form.submit(); // the CSRF token is too old, or the task is gone: a page says so with what was typed
    return null;
  }
  if (answer.status === 404) return null; // the page asks soon, and shows that the link or task is gone
  return { answer, page: new DOMParser().parseFromString(await answer.text(), "text/html") };
}

function showNotices(page, backTo) {
  const notices = [...page.querySelectorAll(".notice")];
  const shown = notices.map((notice) => document.importNode(notice, true));
  toast(shown, backTo);
  return shown;
}

// A refused address stays in the field, selected, so that the next paste replaces it. What was
// typed after ``sent`` stays as well, and so does the focus if it has gone elsewhere.
function showLinkForm(page, sent) {
  const next = page.querySelector("[data-link-form]");
  const shown = section.querySelector("[data-link-form]");
  if (!next || !shown) return;
  const { value: typed, selectionStart: at } = shown.querySelector("#link-url");
  const focused = shown.contains(document.activeElement);
  next.querySelector("[autofocus]")?.removeAttribute("autofocus");
  shown.replaceWith(document.importNode(next, true));
  const field = section.querySelector("#link-url");
  if (focused) field.focus();
  if (typed === sent) {
    if (focused) field.select();
    return;
  }
  field.value = typed;
  field.setSelectionRange(at, at);
  field.removeAttribute("aria-invalid"); // the message is about what was sent
  field.classList.remove("is-invalid");
}

function failed() {
  const template = document.querySelector("template[data-failure]");
  toast([...document.importNode(template.content, true).children]);
}

async function handle(event, then) {
  event.preventDefault();
  closePicker();
  const { target: form, submitter } = event;
  const pressed = submitter ?? form;
  if (pressed.dataset.busy) return;
  const action = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  pressed.dataset.busy = "1";
  submitter?.setAttribute("aria-disabled", "true");
  submitter?.classList.add("is-busy");
  try {
    const sent = await send(form, action, submitter);
    if (!sent) return;
    const done = sent.answer.ok;
    live.answering = true;
    const rows = done ? live.show(sent.page, sent.answer) : { added: [] };
    const explained = sent.page.querySelector("[data-link-form], .notice");
    if (!done && !explained) failed();
    then({ done, rows, page: sent.page });
  } catch {
    failed();
  } finally {
    live.answering = false;
    delete pressed.dataset.busy;
    submitter?.removeAttribute("aria-disabled");
    submitter?.classList.remove("is-busy");
    live.hurry();
  }
}

// Where the focus goes after a row is removed: the next row, or the field for a link.
function focusAfter(row) {
  const next = row?.nextElementSibling ?? row?.previousElementSibling;
  return next?.querySelector("button") ?? section.querySelector("#link-url");
}

const handlers = {
  link: (event) => {
    const sent = event.target.querySelector("#link-url").value;
    return handle(event, ({ done, rows, page }) => {
      showLinkForm(page, sent);
      if (done && rows.added.length === 1) announce(`Linked ${rows.added[0].dataset.reference}`);
      else if (done && rows.added.length > 1) announce(`Linked ${rows.added.length} items`);
    });
  },
  unlink: (event) => {
    const backTo = focusAfter(event.submitter?.closest("li"));
    return handle(event, ({ page }) => {
      const [shown] = showNotices(page, backTo);
      shown?.querySelector("button")?.focus({ preventScroll: true });
    });
  },
  keep: (event) => handle(event, ({ page }) => {
    const [shown] = showNotices(page, section);
    shown?.querySelector("button")?.focus({ preventScroll: true });
  }),
  undo: (event) => {
    const notice = event.target.closest(".notice");
    return handle(event, ({ done, rows, page }) => {
      takeBack(notice);
      showNotices(page);
      if (!done || !rows.added[0]) return;
      announce(`Linked ${rows.added[0].dataset.reference} again`);
      rows.added[0].querySelector("a").focus();
    });
  },
  refresh: (event) => handle(event, ({ page }) => showNotices(page, event.submitter)),
};

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const role = event.target.dataset.form;
  if (role in handlers) handlers[role](event);
});

// Enter sends, as in a field of one line; Shift and Enter make another line.
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "link-url" || event.key !== "Enter" || event.isComposing) return;
  if (event.shiftKey) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

// Pasting addresses into an empty field sends the form at once.
const ADDRESS = new RegExp([
  String.raw`^<?(https?://|[\w-]+(\.[\w-]+)+(:\d+)?/)\S+$`,
  String.raw`^[\w.-]+(/[\w.-]+)+[#!]\d+$`,
  String.raw`^\[[^\]]*\]\(\S+\)$`,
].join("|"));
const BULLET = /^([-*+•]|\d{1,3}[.)])\s+/u;

function areAddresses(text) {
  const lines = text.split("\n").map((line) => line.trim().replace(BULLET, "")).filter(Boolean);
  return lines.length > 0 && lines.every((line) => ADDRESS.test(line));
}

document.addEventListener("paste", (event) => {
  const field = event.target;
  if (field.id !== "link-url") return;
  const pasted = event.clipboardData.getData("text").trim();
  const written = field.value.slice(0, field.selectionStart) + field.value.slice(field.selectionEnd);
  const refused = field.getAttribute("aria-invalid") === "true";
  if ((written !== "" && !refused) || !areAddresses(pasted)) return;
  event.preventDefault();
  field.value = pasted;
  field.form.requestSubmit();
});
