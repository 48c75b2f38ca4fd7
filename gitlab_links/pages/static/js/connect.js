// Links to the page for creating tokens at the GitLab address being typed.

const field = document.querySelector("#base_url");
const link = document.querySelector("[data-token-page]");

function follow() {
  const typed = field.value.trim().replace(/\/+$/, "");
  // As it is saved: an address without a scheme is one of https.
  const address = /^[\w-]+[.:][\w.-]*[^\s/]*(\/|$)/.test(typed) && !typed.includes("//") ? `https://${typed}` : typed;
  link.hidden = !/^https?:\/\/[^\s/]+/.test(address);
  if (!link.hidden) link.href = address + link.dataset.tokenPage;
}

field.addEventListener("input", follow);
if (field.value) follow();
