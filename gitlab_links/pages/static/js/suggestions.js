// Suggestions for the fields of filters, shown by the browser. Without them one types as before.

const PAUSE = 150;

let timer = 0;
let request = null;

async function suggest(field) {
  request?.abort();
  request = new AbortController();
  const text = field.value.trim();
  if (field.suggestedFor === text) return;
  try {
    const url = `${field.dataset.suggested}&${new URLSearchParams({ q: text })}`;
    const answer = await fetch(url, { signal: request.signal });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    field.list.replaceChildren(...page.querySelectorAll("option"));
    field.suggestedFor = text;
  } catch (error) {
    if (error.name !== "AbortError") field.list.replaceChildren();
  }
}

const isSuggested = (element) => element.matches?.("input[data-suggested]");

document.addEventListener("focusin", ({ target }) => {
  if (isSuggested(target)) suggest(target);
});

document.addEventListener("input", ({ target }) => {
  if (!isSuggested(target)) return;
  clearTimeout(timer);
  timer = setTimeout(suggest, PAUSE, target);
});
