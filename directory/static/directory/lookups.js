/* Gives the fields that Select2 puts in the place of a lookup the names that the lookup itself has. */

function nameOf(select) {
  return select.getAttribute("aria-label") || [...select.labels].map((label) => label.textContent.trim().replace(/:$/, "")).join(" ");
}

function nameFields(select) {
  const container = select.nextElementSibling;
  if (!container?.classList.contains("select2")) return;
  const box = container.querySelector(".select2-selection");
  const shown = container.querySelector(".select2-selection__rendered");
  const search = container.querySelector(".select2-search__field");
  search?.setAttribute("aria-label", nameOf(select));
  shown.removeAttribute("role"); // it is text, not a field of its own
  shown.removeAttribute("aria-readonly");
  box.removeAttribute("aria-labelledby");
  const value = select.multiple ? "" : select.selectedOptions[0]?.textContent || "";
  box.setAttribute("aria-label", [nameOf(select), value].filter(Boolean).join(": "));
}

function nameAll() {
  document.querySelectorAll("select.admin-autocomplete").forEach(nameFields);
}

// Behind Django's own, which waits for the same.
django.jQuery(() => {
  nameAll();
  django.jQuery(document).on("change", "select.admin-autocomplete", nameAll);
  django.jQuery(document).on("select2:open", ({ target }) => {
    document.querySelector(".select2-dropdown .select2-search__field")?.setAttribute("aria-label", nameOf(target));
  });
});
document.addEventListener("formset:added", () => setTimeout(nameAll));
