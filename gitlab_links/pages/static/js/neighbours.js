// The next and the previous task of the list that a task was opened from, in the order that the
// list had. The list notes itself when it is left; a neighbouring page of it is read when needed.

const LISTED = "tasks-as-listed";

// What a page of the list has, from its document.
function listedOn(root) {
  const results = root.querySelector("[data-results]");
  const url = (rel) => root.querySelector(`.pages a[rel=${rel}]`)?.getAttribute("href") ?? null;
  return {
    hrefs: [...root.querySelectorAll(".task-row .task-title")].map((link) => link.getAttribute("href")),
    first: Number(results?.dataset.first ?? 1),
    total: results?.dataset.total ?? "",
    previous: url("prev"),
    next: url("next"),
  };
}

// The scripts of other live lists note theirs, too: of those this keeps none.
export function noteList() {
  if (!document.querySelector(".task-row")) return;
  sessionStorage.setItem(LISTED, JSON.stringify(listedOn(document)));
}

async function listedAt(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(`answered ${answer.status}`);
  return listedOn(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

async function withNeighbours(listed, here) {
  const at = listed.hrefs.indexOf(here);
  if (at === listed.hrefs.length - 1 && listed.next) {
    const more = await listedAt(listed.next);
    return { ...listed, hrefs: [...listed.hrefs, ...more.hrefs], next: more.next };
  }
  if (at === 0 && listed.previous) {
    const more = await listedAt(listed.previous);
    return { ...listed, hrefs: [...more.hrefs, ...listed.hrefs], first: more.first,
      previous: more.previous };
  }
  return listed;
}

function show(nav, listed, here) {
  const at = listed.hrefs.indexOf(here);
  for (const [name, href] of [["previous", listed.hrefs[at - 1]], ["next", listed.hrefs[at + 1]]]) {
    const link = nav.querySelector(`[data-neighbour=${name}]`);
    if (href) {
      link.href = href;
      link.removeAttribute("aria-disabled");
    } else {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    }
  }
  nav.querySelector("[data-place]").textContent = `${listed.first + at} of ${listed.total}`;
  nav.hidden = false;
}

async function begin(nav) {
  const here = window.location.pathname;
  const known = JSON.parse(sessionStorage.getItem(LISTED) ?? "null");
  if (!known?.hrefs.includes(here)) return;
  show(nav, known, here);
  const listed = await withNeighbours(known, here);
  if (listed === known) return;
  sessionStorage.setItem(LISTED, JSON.stringify(listed));
  show(nav, listed, here);
}

const nav = document.querySelector("[data-neighbours]");
// Without its neighbouring page the list ends here.
if (nav) begin(nav).catch(() => {});
