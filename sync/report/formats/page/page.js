"use strict";
(() => {
  const table = document.getElementById("mirrors");
  const rows = [...table.tBodies];
  const heads = [...table.tHead.rows[0].cells];
  const search = document.getElementById("search");
  const count = document.getElementById("count");
  const open = document.getElementById("open");
  const collator = new Intl.Collator("en", { numeric: true });
  const VERSION = 1;

  // a release sorts behind its pre-releases: 0.3.0-rc before 0.3.0
  const key = (row, column) => row.rows[0].cells[column].firstElementChild.textContent + (column === VERSION ? "~" : "");

  function sort(column) {
    const head = heads[column];
    const next = { none: "ascending", ascending: "descending", descending: "none" }[head.ariaSort];
    for (const other of heads) other.ariaSort = "none";
    head.ariaSort = next;
    const sign = next === "descending" ? -1 : 1;
    const keys = new Map(rows.map((row) => [row, key(row, column)]));
    const order = [...rows];
    if (next !== "none") order.sort((a, b) => sign * collator.compare(keys.get(a), keys.get(b)));
    table.append(...order);
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
    head.ariaSort = "none";
  });

  let texts;
  function filter() {
    texts ??= rows.map((row) => row.textContent.toLowerCase());
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      shown += !row.hidden;
    });
    const all = `${rows.length} ${rows.length === 1 ? "mirror" : "mirrors"}`;
    count.textContent = words.length ? `${shown} of ${all}` : all;
    document.getElementById("nothing").hidden = shown > 0;
  }
  search.addEventListener("input", filter);

  let allOpen = false;
  open.addEventListener("click", () => {
    allOpen = !allOpen;
    for (const details of table.getElementsByTagName("details")) details.open = allOpen;
    open.textContent = allOpen ? "Close all" : "Open all";
  });

  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    const details = target?.querySelector("details") ?? target?.closest("details");
    if (details) details.open = true;
  }
  addEventListener("hashchange", reveal);
  reveal();

  document.getElementById("tools").hidden = false;
  if (search.value) filter(); // a reload keeps what was typed
})();
