// Links to the page for creating tokens at the GitLab address being typed.

const field = document.querySelector("#base_url");
const link = document.querySelector("[data-token-page]");

function follow() {
  const typed = field.value.trim().replace(/\/+$/, "");
  link.hidden = !/^https?:\/\/[^\s/]+/.test(typed);
  if (!link.hidden) link.href = typed + link.dataset.tokenPage;
}

field.addEventListener("input", follow);
if (field.value) follow();
