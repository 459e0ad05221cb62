// What every page needs: menus that close, a button that copies, a way back when the session has ended.
"use strict";

(() => {
  // Nobody is signed in: who wanted to leave while there was no line has left.
  if (!document.querySelector("meta[name=retineye-user]")) localStorage.removeItem("retineye-leaves");

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const source = document.getElementById(copy.dataset.copy);
      source.select();
      navigator.clipboard?.writeText(source.value).then(() => { copy.querySelector("[data-word]").textContent = copy.dataset.copied; });
    }
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // Answered with another page than the one asked for: the session has ended, and the sign-in page must not land in a card.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, pathInfo } = event.detail;
    const asked = new URL(pathInfo.finalRequestPath, window.location.href).pathname;
    if (xhr.responseURL && new URL(xhr.responseURL).pathname !== asked) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
})();
