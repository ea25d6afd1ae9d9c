// Django names an inline's column once, in its heading, and select2 builds boxes without a name: each gets its own.

function name(field, text) {
  if (text && !field.labels?.length) field.setAttribute("aria-label", text);
}

function label() {
  for (const cell of document.querySelectorAll(".tabular td[class*='field-']")) {
    const column = [...cell.classList].find((one) => one.startsWith("field-"))?.slice("field-".length);
    const heading = cell.closest("table").querySelector(`th.column-${CSS.escape(column)}`)?.textContent.trim();
    cell.dataset.label = heading ?? ""; // narrow windows have no headings
    for (const field of cell.querySelectorAll("input, select, textarea")) name(field, heading);
  }
  for (const box of document.querySelectorAll(".tabular td.delete input")) {
    name(box, "Delete");
    box.closest("td").dataset.label = "Delete";
  }
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const text = select.labels[0]?.textContent.trim().replace(/:$/, "") || select.getAttribute("aria-label");
    const shown = select.nextElementSibling?.querySelectorAll("[role=combobox], [role=textbox], input") ?? [];
    for (const part of shown) {
      if (text) part.setAttribute("aria-label", text);
    }
  }
}

// Behind what jQuery does at the same event.
window.addEventListener("load", () => setTimeout(label));
document.addEventListener("formset:added", () => setTimeout(label));
