// What needs a script: copying TeX and excerpts, and hiding recorded values. Everything can be read without it.
(() => {
  const KEY = "trl-values";

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = Object.assign(document.createElement("textarea"), { value: text }); // a page opened from a file
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  function button(className, label, name) {
    const made = document.createElement("button");
    Object.assign(made, { type: "button", className, textContent: label });
    made.setAttribute("aria-label", name);
    return made;
  }

  function showValues(shown) {
    document.body.classList.toggle("values-off", !shown);
    document.querySelectorAll(".values-toggle").forEach((toggle) => toggle.setAttribute("aria-pressed", shown));
    try {
      localStorage.setItem(KEY, shown ? "on" : "off");
    } catch {} // storage may be forbidden; the choice then lasts as long as the page
  }

  function prepare() {
    document.querySelector(".md-search")?.setAttribute("aria-label", "Search"); // Material's dialog has no name
    for (const equation of document.querySelectorAll(".equation[data-tex]:not(:has(.equation-copy))")) {
      const label = equation.querySelector(".equation-body").getAttribute("aria-label");
      equation.append(button("equation-copy", "TeX", `TeX: copy the source of ${label.toLowerCase()}`));
    }
    for (const links of document.querySelectorAll(".excerpt:has(.value) .excerpt-links:not(:has(.values-toggle))")) {
      links.prepend(button("values-toggle", "values", "values recorded on the lines"), " ");
    }
    let stored = null;
    try {
      stored = localStorage.getItem(KEY);
    } catch {} // as above
    showValues(stored !== "off");
  }

  document.addEventListener("click", async (event) => {
    const pressed = event.target.closest(".equation-copy, .excerpt-copy, .values-toggle");
    if (!pressed) return;
    if (pressed.matches(".values-toggle")) return showValues(document.body.classList.contains("values-off"));
    await copy(pressed.dataset.copy ?? pressed.closest(".equation").dataset.tex);
    const label = pressed.textContent;
    if (label === "copied") return;
    pressed.textContent = "copied";
    setTimeout(() => (pressed.textContent = label), 1200);
  });

  if (window.document$) window.document$.subscribe(prepare); // Material swaps pages when navigation.instant is on
  else prepare();
})();
