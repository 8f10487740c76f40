// Filters and sorts the catalog. Without a script the table is whole and in order.
(() => {
  const FILTERS = { Status: 1, Data: 2, Generates: 3, Needs: 4 };

  function values(rows, column) {
    const found = rows.map((row) => row.cells[column].textContent.trim()).filter(Boolean);
    return [...new Set(found.map((text) => (column === 1 ? text.split(" ")[0] : text)))].sort();
  }

  function prepare() {
    const table = document.querySelector("table.catalog:not([data-ready])");
    if (!table) return;
    table.dataset.ready = "";
    const rows = [...table.tBodies[0].rows];
    const form = document.createElement("form");
    form.className = "catalog-filters";
    form.addEventListener("submit", (event) => event.preventDefault());
    const count = document.createElement("output");
    const words = document.createElement("input");
    Object.assign(words, { type: "search", name: "words", placeholder: "Any word" });
    const label = document.createElement("label");
    label.append("Contains ", words);
    form.append(label);
    for (const [name, column] of Object.entries(FILTERS)) {
      const select = document.createElement("select");
      select.name = column;
      select.append(new Option("any", ""));
      for (const value of values(rows, column)) select.append(new Option(value, value));
      const labelled = document.createElement("label");
      labelled.append(`${name} `, select);
      form.append(labelled);
    }
    form.append(count);
    table.parentElement.before(form);

    function apply() {
      let shown = 0;
      for (const row of rows) {
        const fits = [...form.querySelectorAll("select")].every((select) => {
          const text = row.cells[select.name].textContent.trim();
          return !select.value || text === select.value || (select.name === "1" && text.startsWith(select.value));
        });
        row.hidden = !(fits && row.textContent.toLowerCase().includes(words.value.trim().toLowerCase()));
        if (!row.hidden) shown += 1;
      }
      count.textContent = `${shown} of ${rows.length} trainers`;
    }
    form.addEventListener("input", apply);
    apply();

    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const sort = document.createElement("button");
      Object.assign(sort, { type: "button", textContent: head.textContent });
      head.replaceChildren(sort);
      sort.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const text = (row) => row.cells[column].textContent.trim();
        rows.sort((a, b) => text(a).localeCompare(text(b), "en", { numeric: true }) * (down ? -1 : 1));
        table.tBodies[0].append(...rows);
      });
    });
  }

  if (window.document$) window.document$.subscribe(prepare);
  else prepare();
})();
