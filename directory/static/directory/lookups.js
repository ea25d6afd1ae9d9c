/* Gives the fields that Select2 puts in the place of a lookup the names that the lookup itself has, and its list the
   roles that lists have; who types on a lookup, types into its search. */

function nameOf(select) {
  return select.getAttribute("aria-label") || [...select.labels].map((label) => label.textContent.trim().replace(/:$/, "")).join(" ");
}

function boxOf(select) {
  const container = select.nextElementSibling;
  return container?.classList.contains("select2") ? container.querySelector(".select2-selection") : null;
}

function nameFields(select) {
  const box = boxOf(select);
  if (!box) return;
  const shown = box.querySelector(".select2-selection__rendered");
  const search = box.querySelector(".select2-search__field");
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

// "No results found" is an alert inside a list box, where only options may be: it is told from beside the list.
function tellMessages(results) {
  const told = document.createElement("div");
  told.className = "visually-hidden";
  told.setAttribute("role", "status");
  results.parentElement.append(told);
  const look = () => {
    const messages = [...results.querySelectorAll(".select2-results__message")];
    for (const message of messages) {
      message.setAttribute("role", "option");
      message.setAttribute("aria-disabled", "true");
      message.removeAttribute("aria-live");
    }
    told.textContent = messages.map((message) => message.textContent).join(" ");
  };
  new MutationObserver(look).observe(results, { childList: true });
  look();
}

function searchOf(select) {
  return select.multiple ? boxOf(select).querySelector(".select2-search__field") : document.querySelector(".select2-dropdown .select2-search__field");
}

function opened({ target: select }) {
  const box = boxOf(select);
  box.setAttribute("aria-controls", box.getAttribute("aria-owns"));
  searchOf(select)?.setAttribute("aria-label", nameOf(select));
  const results = document.getElementById(box.getAttribute("aria-owns"));
  if (results && !results.dataset.told) {
    results.dataset.told = "yes";
    tellMessages(results);
  }
}

// A letter goes to the search, also where the list is still closed or the search has not got the focus yet.
function type(event) {
  const box = event.target.closest?.(".select2-selection--single");
  const select = box?.closest(".select2").previousElementSibling;
  const isLetter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!isLetter || !select?.matches("select.admin-autocomplete") || select.disabled) return;
  event.preventDefault();
  event.stopPropagation();
  const chosen = django.jQuery(select);
  if (!chosen.data("select2").isOpen()) chosen.select2("open");
  const search = searchOf(select);
  search.focus();
  search.value += event.key;
  search.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("keydown", type, true);

// Behind Django's own, which waits for the same.
django.jQuery(() => {
  nameAll();
  django.jQuery(document).on("change", "select.admin-autocomplete", nameAll);
  django.jQuery(document).on("select2:open", opened);
  django.jQuery(document).on("select2:close", ({ target }) => boxOf(target)?.removeAttribute("aria-controls"));
});
document.addEventListener("formset:added", () => setTimeout(nameAll));
