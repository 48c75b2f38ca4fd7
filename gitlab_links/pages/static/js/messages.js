// Messages: shown in sight, announced to screen readers, and removed after a while.

const SHORT = 8000;
const WITH_UNDO = 30000;
const RETRY = 2000;
const MOST = 5;
const FORM = "form-sent-from";
const FRESH = 60000;

const toasts = document.querySelector("[data-toasts]");

export function announce(text) {
  const region = document.querySelector("[data-announcer]");
  // Screen readers announce the same words again only if the region was empty in between.
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
}

function wordsOf(notice) {
  return [...notice.querySelectorAll("p")].map((p) => p.textContent).join(" ");
}

// Returns the focus to where it was before the notice.
function remove(notice) {
  const focused = notice.contains(document.activeElement);
  const { backTo } = notice;
  notice.remove();
  if (!focused) return;
  const target = backTo?.isConnected ? backTo : document.querySelector("main");
  target.focus({ preventScroll: true });
}

// An error stays until it is dismissed; a notice in use is not removed.
function leaveInTime(notice) {
  if (notice.classList.contains("is-red")) return;
  const inUse = () => document.hidden || notice.matches(":hover")
    || notice.querySelector("button:focus-visible") !== null;
  const leave = () => (inUse() ? setTimeout(leave, RETRY) : remove(notice));
  setTimeout(leave, notice.querySelector("form") ? WITH_UNDO : SHORT);
}

// Show notices as toasts. One with an undo button stays longer.
export function toast(notices, backTo = document.activeElement) {
  for (const notice of notices) {
    const same = [...toasts.children].find((shown) => wordsOf(shown) === wordsOf(notice));
    same?.remove();
    notice.backTo = backTo;
    toasts.append(notice);
    offerDismissal(notice);
    leaveInTime(notice);
  }
  const spare = [...toasts.children].slice(0, -MOST);
  for (const old of spare) remove(old);
  if (notices.length > 0) announce(notices.map(wordsOf).join(" "));
}

export function takeBack(notice) {
  if (notice) remove(notice);
}

function offerDismissal(root) {
  for (const button of root.querySelectorAll("[data-dismiss]")) button.hidden = false;
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) remove(event.target.closest(".notice"));
});

function focusOn(element) {
  if (!element.matches("a, button, input, select, textarea")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

// After the next frame, when the browser has handled autofocus. It gives up on what cannot be seen
// yet while the page loads. A reader who is faster is left where they are.
function goToField(field) {
  requestAnimationFrame(() => setTimeout(() => {
    if (!document.activeElement.matches("body, [autofocus]")) return;
    if (document.activeElement !== field) focusOn(field);
    const { top, bottom } = field.getBoundingClientRect();
    if (top < 0 || bottom > window.innerHeight) {
      field.scrollIntoView({ block: "center", behavior: "instant" });
    }
    if (field.matches("input")) field.select();
  }));
}

// On window, so that handlers that send the form in place run first.
window.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const { target: form, submitter } = event;
  const sent = {
    path: window.location.pathname,
    at: Date.now(),
    scrolled: window.scrollY,
    action: submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "",
  };
  sessionStorage.setItem(FORM, JSON.stringify(sent));
});

function lastSent() {
  const sent = JSON.parse(sessionStorage.getItem(FORM) ?? "null");
  sessionStorage.removeItem(FORM);
  const here = sent?.path === window.location.pathname && Date.now() - sent.at < FRESH;
  return here ? sent : null;
}

// The button of a step that has folded since is of no use.
function buttonOf(action) {
  if (!action) return null;
  const named = CSS.escape(action);
  const all = document.querySelectorAll(`[formaction="${named}"], form[action="${named}"] button[type=submit]`);
  return [...all].find((button) => button.checkVisibility()) ?? null;
}

// Where the form was, or the part that has replaced it: what came of the form shows there.
function goBackTo(sent) {
  const place = buttonOf(sent.action) ?? document.querySelector("[data-live]");
  if (!place) return;
  focusOn(place);
  place.scrollIntoView({ block: "nearest", behavior: "instant" });
}

// Show the messages above the pressed button, where they cover nothing.
function putBeside(button, region) {
  const frame = button.closest(".table-frame, .actions, .page-head") ?? button.form;
  region.classList.add("mt-3");
  frame.before(region);
  for (const notice of region.children) notice.backTo = button;
  region.scrollIntoView({ block: "nearest", behavior: "instant" });
}

// After a form: focus the invalid field, the question or the new secret, else the message, else the
// button; and restore the scroll position. Returns whether no message says what came of the form.
function showResult() {
  const sent = lastSent();
  const field = document.querySelector("[aria-invalid=true], [data-once], [autofocus]");
  if (field) {
    goToField(field);
    return false;
  }
  if (sent) window.scrollTo({ top: sent.scrolled, behavior: "instant" });
  const region = document.querySelector(".notices");
  const notices = [...region.querySelectorAll(".notice")];
  if (notices.length > 0) showMessages(sent, region, notices);
  else if (sent) goBackTo(sent);
  return Boolean(sent) && notices.length === 0;
}

function showMessages(sent, region, notices) {
  if (sent && region.getBoundingClientRect().top < 0) {
    const button = buttonOf(sent.action);
    if (button) putBeside(button, region);
    else toast(notices, document.body);
    focusOn(notices.at(-1));
  } else {
    focusOn(notices[0]);
  }
}

offerDismissal(document.querySelector(".notices"));
export const hasNoMessage = showResult();
