// Keeps "12 s ago" current while a page is open, in the words of pages/times.py.
// Uses the server's clock, because the reader's may be minutes off.

let serverAhead = 0;

export function setServerTime(milliseconds) {
  if (Number.isFinite(milliseconds)) serverAhead = milliseconds - Date.now();
}

const AGO = [[60, 1, "s"], [3600, 60, "min"], [2 * 86400, 3600, "h"], [30 * 86400, 86400, "days"]];
const onDay = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" });
const inFull = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeStyle: "long" });

function ago(seconds, moment) {
  if (seconds < 5) return "just now";
  for (const [limit, size, unit] of AGO) {
    if (seconds < limit) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `on ${onDay.format(moment)}`;
}

function until(seconds) {
  if (seconds <= 0) return "now";
  for (const [limit, size, unit] of AGO.slice(0, 3)) {
    if (seconds < limit) return `in ${Math.ceil(seconds / size)} ${unit}`;
  }
  return `in ${Math.floor(seconds / 86400)} days`;
}

export function updateTimes(root = document) {
  const now = Date.now() + serverAhead;
  for (const element of root.querySelectorAll("time[data-relative]")) {
    const moment = Date.parse(element.dateTime);
    const seconds = Math.floor((now - moment) / 1000);
    const words = "until" in element.dataset ? until(-seconds) : ago(seconds, moment);
    const text = element.dataset.prefix ? `${element.dataset.prefix} ${words}` : words;
    if (element.textContent !== text) element.textContent = text;
    if (!element.dataset.localised) {
      const { prefix } = element.dataset;
      element.title = prefix ? `${prefix} ${inFull.format(moment)}` : inFull.format(moment);
      element.dataset.localised = "1";
    }
  }
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

// Converts times of day, as in the chart, to the reader's time zone.
function localiseClocks() {
  for (const element of document.querySelectorAll("time[data-clock]")) {
    element.textContent = clock.format(Date.parse(element.dateTime));
  }
  for (const element of document.querySelectorAll("title[data-clock]")) {
    const { clock: moment, words } = element.dataset;
    element.textContent = `${clock.format(Date.parse(moment))}: ${words}`;
  }
}

export function keepTimesCurrent() {
  localiseClocks();
  setServerTime(Date.parse(document.documentElement.dataset.now));
  updateTimes();
  setInterval(() => document.hidden || updateTimes(), 1000);
  document.addEventListener("visibilitychange", () => document.hidden || updateTimes());
}
