// Updates a list of rows to match another, changing only what differs, so that focus,
// selection and scroll position stay.

const MARKED_FOR = 1200;

const fingerprints = new WeakMap();

// A row's markup as the server sent it, without the words of relative times. Without
// withMoments a new sync time is no difference either.
function fingerprint(row, withMoments) {
  const copy = row.cloneNode(true);
  for (const time of copy.querySelectorAll("time[data-relative]")) {
    time.textContent = "";
    time.removeAttribute("title");
    time.removeAttribute("data-localised");
    if (!withMoments) time.removeAttribute("datetime");
  }
  copy.classList.remove("changed");
  return copy.outerHTML;
}

export function remember(list) {
  for (const row of list.querySelectorAll("[id]")) {
    fingerprints.set(row, { all: fingerprint(row, true), facts: fingerprint(row, false) });
  }
}

const isBlank = (node) => node.nodeType !== Node.ELEMENT_NODE && !node.data.trim();

// Whether each child has an id, by which it is matched.
function hasIds(element) {
  return element.childElementCount > 0 && [...element.childNodes].every((node) => node.id || isBlank(node));
}

// A form that is being sent keeps showing so.
export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(document.importNode(to, true));
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  if (from.matches("form[data-sent]")) return;
  const isFold = from.nodeName === "DETAILS"; // the reader opens and closes it
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(isFold && name === "open")) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  if (hasIds(from) && hasIds(to)) {
    updateRows(from, to);
    return;
  }
  const [before, after] = [[...from.childNodes], [...to.childNodes]];
  after.forEach((child, at) => {
    if (before[at]) morph(before[at], child);
    else from.append(document.importNode(child, true));
  });
  before.slice(after.length).forEach((child) => child.remove());
}

// The row keeps the focus that is in it, also in browsers that cannot move an element as it is.
function move(list, row, place) {
  if (list.moveBefore) {
    list.moveBefore(row, place);
    return;
  }
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  list.insertBefore(row, place);
  focused?.focus({ preventScroll: true });
}

// Rows are matched by id. Returns the new rows and the changed ones.
export function updateRows(list, next) {
  const added = [];
  const changed = [];
  const wanted = new Map([...next.children].map((row) => [row.id, row]));
  for (const row of [...list.children]) {
    if (!wanted.has(row.id)) row.remove();
  }
  let place = list.firstElementChild;
  for (const [id, source] of wanted) {
    const prints = { all: fingerprint(source, true), facts: fingerprint(source, false) };
    let row = document.getElementById(id);
    if (!row) {
      row = document.importNode(source, true);
      list.insertBefore(row, place);
      added.push(row);
    } else {
      if (row !== place) move(list, row, place);
      const known = fingerprints.get(row);
      if (known?.all !== prints.all) morph(row, source);
      if (known?.facts !== prints.facts) changed.push(row);
    }
    fingerprints.set(row, prints);
    place = row.nextElementSibling;
  }
  return { added, changed };
}

// Updates a whole list to match another, including what it says of itself and what is around its
// rows.
export function replaceRows(shown, next) {
  Object.assign(shown.dataset, next.dataset);
  const rows = [shown, next].map((part) => part.querySelector(".rows, [data-rows]"));
  let result = { added: [], changed: [] };
  if (rows[0] && rows[1]) {
    result = updateRows(...rows);
    morphAround(shown, next);
  } else {
    const parts = [...next.children].map((child) => document.importNode(child, true));
    shown.replaceChildren(...parts);
    remember(shown);
    result.added = [...shown.querySelectorAll(":is(.rows, [data-rows]) > *")];
  }
  return result;
}

// The links to other pages of the list.
function morphAround(shown, next) {
  const [before, after] = [shown, next].map((part) => part.querySelector(".pages"));
  if (before && after) morph(before, after);
  else if (before) before.remove();
  else if (after) shown.append(document.importNode(after, true));
}

export function mark(rows) {
  for (const row of rows) {
    row.classList.add("changed");
    setTimeout(() => row.classList.remove("changed"), MARKED_FOR);
  }
}
