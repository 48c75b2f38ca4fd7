// Asks for the links of a task again and again, and swaps in only what changed.
// An unchanged list costs a 304 without a body.

import { announce } from "./page.js";
import { remember, updateRows } from "./morph.js";
import { setServerTime, updateTimes } from "./times.js";

const STEADY = 1500;
const HURRIED = 400;
const HURRIED_FOR = 6000;
const HIDDEN = 60000;
const SLOWEST = 30000;
const PATIENCE = 8000;
const MARKED_FOR = 1200;

export class LiveList {
  constructor(section) {
    this.section = section;
    this.url = section.dataset.live;
    this.etag = section.dataset.etag;
    this.failures = 0;
    this.hurriedUntil = 0;
    this.timer = null;
    this.asking = null;
    remember(this.list);
  }

  get list() {
    return this.section.querySelector("[data-links]");
  }

  start() {
    this.tell("live");
    document.addEventListener("visibilitychange", () => document.hidden || this.ask());
    window.addEventListener("focus", () => this.ask());
    window.addEventListener("online", () => this.ask());
    window.addEventListener("offline", () => this.tell("away"));
    this.later();
  }

  hurry() {
    this.hurriedUntil = Date.now() + HURRIED_FOR;
    this.later();
  }

  delay() {
    if (document.hidden) return HIDDEN;
    if (this.failures > 0) return Math.min(STEADY * 2 ** (this.failures - 1), SLOWEST);
    const waits = this.list.querySelector('[data-sync="never"]') !== null;
    return waits || Date.now() < this.hurriedUntil ? HURRIED : STEADY;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), this.delay());
  }

  async ask() {
    if (this.asking) return;
    clearTimeout(this.timer);
    this.asking = this.fetch();
    try {
      await this.asking;
      this.failures = 0;
      this.tell("live");
    } catch {
      this.failures += 1;
      if (this.failures > 1 || !navigator.onLine) this.tell("away");
    } finally {
      this.asking = null;
      this.later();
    }
  }

  async fetch() {
    const answer = await fetch(this.url, {
      headers: { "If-None-Match": this.etag, "X-Fragment": "links" },
      signal: AbortSignal.timeout(PATIENCE),
    });
    setServerTime(Date.parse(answer.headers.get("Date") ?? ""));
    if (answer.status === 304) return;
    if ([401, 403, 404].includes(answer.status)) {
      // Logged out, or no longer ours: the page itself says so.
      window.location.reload();
      return;
    }
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    this.show(new DOMParser().parseFromString(await answer.text(), "text/html"), answer);
  }

  // Put the list of an answer in place; returns the rows added and changed.
  show(page, answer, { marked = false } = {}) {
    this.etag = answer.headers.get("ETag") ?? this.etag;
    const next = page.querySelector("[data-links]");
    if (!next) return { added: [], changed: [] };
    const [list, rows] = [this.list.querySelector(".rows"), next.querySelector(".rows")];
    let result = { added: [], changed: [] };
    if (list && rows) {
      result = updateRows(list, rows);
    } else {
      this.list.replaceChildren(...[...next.children].map((child) => document.importNode(child, true)));
      remember(this.list);
      result.added = [...this.list.querySelectorAll(".rows > *")];
    }
    this.section.querySelector("[data-links-count]").textContent = next.dataset.count;
    updateTimes(this.list);
    this.mark([...result.added, ...result.changed]);
    if (!marked) this.announce(result);
    return result;
  }

  mark(rows) {
    for (const row of rows) {
      row.classList.add("changed");
      setTimeout(() => row.classList.remove("changed"), MARKED_FOR);
    }
  }

  announce({ added, changed }) {
    const rows = [...added, ...changed];
    if (rows.length === 0) return;
    if (rows.length > 2) {
      announce(`${rows.length} links changed`);
      return;
    }
    announce(rows.map((row) => {
      const state = row.querySelector("[data-state]")?.textContent.trim() ?? "";
      return `${row.dataset.reference} changed: ${row.querySelector("a").textContent}, ${state}`;
    }).join(". "));
  }

  tell(state) {
    const shown = this.section.querySelector("[data-live-state]");
    if (shown.dataset.state === state) return;
    shown.dataset.state = state;
    shown.hidden = false;
    shown.textContent = state === "live" ? "Live" : "Reconnecting…";
  }
}
