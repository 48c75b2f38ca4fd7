// Polls a part of the page. An unchanged part costs a 304 without a body.

import { keepMarksCurrent, leaveMarks, renewMarks } from "./menu.js";
import { announce } from "./messages.js";
import { setServerTime, updateTimes } from "./times.js";

// What is ``data-moving`` is asked for more often.
const MOVING = 2000;
const STEADY = 15000;
const HURRIED = 400;
const HURRIED_FOR = 6000;
const HIDDEN = 60000;
const SLOWEST = 30000;
const PATIENCE = 8000;

function isTyped() {
  return [...document.querySelectorAll("form[method=post] :is(input, textarea)")].some((field) => (
    field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue
  ));
}

// ``section`` has the name of the part. An element with data-live in it, also in each answer, has
// the part's address and ETag, and says in data-away why it is not updated at the moment: empty
// while it is. Without those words the part is not called live. With data-ended nothing changes any
// more, in the menu neither, and nothing is asked.
export class LivePart {
  // ``steady`` is the time between two questions, in milliseconds; without it, the part says
  // whether it moves. ``show`` gets the page, and whether the part has just come to rest.
  // ``leave`` is called with the answer when the session has ended, access was lost, or what is
  // shown was deleted: a reload leads to the login.
  constructor(section, { steady = 0, show, hurries = () => false, leave = (answer) => this.reload(answer) }) {
    this.section = section;
    this.steady = () => steady || (this.isMoving ? MOVING : STEADY);
    this.put = show;
    this.hurries = hurries;
    this.leave = leave;
    this.failures = 0;
    this.adopted = 0;
    this.hurriedUntil = 0;
    this.timer = null;
    this.asking = null;
    this.adopt(document);
  }

  // From now on, poll the address and ETag that ``page`` names, and say what it says.
  adopt(page) {
    const part = page.querySelector("[data-live]");
    if (!part) return;
    this.adopted += 1;
    this.url = part.dataset.live;
    this.etag = part.dataset.etag;
    this.away = part.dataset.away;
    this.isMoving = "moving" in part.dataset;
    this.hasEnded = "ended" in part.dataset;
  }

  start() {
    this.say("live");
    if (this.hasEnded) return;
    keepMarksCurrent();
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
    window.addEventListener("focus", () => this.ask());
    window.addEventListener("online", () => this.ask());
    window.addEventListener("offline", () => this.say("away"));
    this.later();
  }

  hurry() {
    this.hurriedUntil = Date.now() + HURRIED_FOR;
    this.later();
  }

  delay() {
    if (document.hidden) return HIDDEN;
    if (this.failures > 0) return Math.min(this.steady() * 2 ** (this.failures - 1), SLOWEST);
    return this.hurries() || Date.now() < this.hurriedUntil ? HURRIED : this.steady();
  }

  later() {
    clearTimeout(this.timer);
    if (!this.hasEnded) this.timer = setTimeout(() => this.ask(), this.delay());
  }

  async ask() {
    if (this.asking || this.hasEnded) return;
    clearTimeout(this.timer);
    this.asking = this.fetch();
    try {
      await this.asking;
      this.failures = 0;
      this.say("live");
    } catch {
      this.failures += 1;
      if (this.failures > 1 || !navigator.onLine) this.say("away");
    } finally {
      this.asking = null;
      this.later();
    }
  }

  async fetch() {
    const { url, adopted } = this;
    const answer = await fetch(url, {
      headers: { "If-None-Match": this.etag, "X-Fragment": this.section.dataset.part },
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    setServerTime(Date.parse(answer.headers.get("Date") ?? ""));
    if (answer.status === 304) return;
    if ([401, 403, 404].includes(answer.status)) {
      this.leave(answer);
      return;
    }
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (adopted !== this.adopted) return; // the answer to a form or a filter is newer
    this.show(page, answer);
    if (this.hasEnded) leaveMarks();
    else renewMarks();
  }

  // Show an answer, also one to a form; returns what ``show`` returns.
  show(page, answer) {
    const wasMoving = this.isMoving;
    this.adopt(page);
    this.etag = answer.headers.get("ETag") ?? this.etag;
    const result = this.put(page, wasMoving && !this.isMoving);
    updateTimes(this.section);
    return result;
  }

  // Not if it would lose what somebody has typed: to send that leads to the login as well.
  async reload(answer) {
    if (!isTyped()) {
      if (!(await this.showDeleted(answer))) window.location.reload();
      return;
    }
    this.away = undefined;
    this.etag = ""; // with access again, the whole part is answered, and says so
  }

  // In place of the page of a task, that somebody has deleted it: only a page that was open gets
  // that answer, a reload would find no page. Returns whether the answer says that.
  async showDeleted(answer) {
    if (answer?.status !== 404) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const heading = page.querySelector("[data-code=task_deleted] h1");
    if (!heading) return false;
    this.hasEnded = true;
    const main = document.querySelector("main");
    const isHere = main.contains(document.activeElement) || document.activeElement === document.body;
    main.replaceChildren(...page.querySelector("main").children);
    document.title = page.title;
    heading.tabIndex = -1;
    if (isHere) heading.focus();
    else announce(heading.textContent);
    return true;
  }

  say(state) {
    const shown = this.section.querySelector("[data-live-state]");
    if (!shown) return;
    const isLive = state === "live" && this.away === "";
    const why = this.away ? `Not live: ${this.away}` : "Not live";
    const words = state === "away" ? "Reconnecting…" : isLive ? "Live" : why;
    if (shown.textContent === words && !shown.hidden) return;
    shown.dataset.state = isLive ? "live" : "away";
    shown.hidden = false;
    shown.textContent = words;
  }
}
