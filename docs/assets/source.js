// Source pages: the theme chosen on the site, #L10-L20 ranges, and the same lines on GitHub. All else works without it.
(() => {
  const root = new URL(document.currentScript.dataset.root, location).pathname;
  try {
    const chosen = JSON.parse(localStorage.getItem(`${root}.__palette`))?.color;
    if (chosen && chosen.media !== "(prefers-color-scheme)") {
      document.documentElement.style.colorScheme = chosen.scheme === "slate" ? "dark" : "light";
    }
  } catch {} // storage may be forbidden; then the system's theme stands

  function showLines() {
    document.querySelectorAll(".chosen").forEach((line) => line.classList.remove("chosen"));
    const [, first, last] = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash) ?? [];
    const github = document.getElementById("github");
    if (github) github.hash = first ? location.hash : "";
    if (!last) return;
    for (let number = +first; number <= +last; number++) {
      document.getElementById(`L${number}`)?.classList.add("chosen");
    }
    document.getElementById(`L${first}`)?.scrollIntoView();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const outline = document.querySelector(".outline details");
    if (outline && matchMedia("(min-width: 75rem)").matches) outline.open = true;
    showLines();
  });
  addEventListener("hashchange", showLines);
})();
