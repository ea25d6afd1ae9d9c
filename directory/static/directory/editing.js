// The form of an object: nobody leaves it with something unsaved unasked, and what is wrong leads to its field.

const form = document.querySelector("#content-main form[novalidate]");
const UNSAVED = ".errornote, .errorlist, .preview, .asked"; // what a page has that shows what was typed once more
let opened;
let isSent = false;

function typed() {
  const data = new FormData(form);
  for (const name of ["csrfmiddlewaretoken", "opened"]) data.delete(name);
  return new URLSearchParams(data).toString();
}

function ask(event) {
  if (!isSent && opened !== undefined && typed() !== opened) event.preventDefault();
}

// Where Select2 stands in the place of a field, that is what takes the focus.
function focus(field) {
  const box = field.nextElementSibling?.matches(".select2") && field.nextElementSibling;
  (box ? box.querySelector("input, .select2-selection") : field).focus();
  field.closest(".form-row, td").scrollIntoView({ block: "center" });
}

function lead(list, field) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const label = field.getAttribute("aria-label") || field.labels?.[0]?.textContent.replace(/:\s*$/, "") || field.name;
  link.href = `#${field.id}`;
  link.textContent = `${label.trim()}: ${list.textContent.trim()}`;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    focus(field);
  });
  item.append(link);
  return item;
}

function showErrors() {
  const errors = [...form.querySelectorAll(".errorlist:not(.nonfield)")]
    .map((list) => [list, list.parentElement.querySelector("input:not([type=hidden]), select, textarea")])
    .filter(([, field]) => field);
  if (errors.length === 0) return false;
  const leading = document.createElement("ul");
  leading.append(...errors.map(([list, field]) => lead(list, field)));
  form.querySelector(".errornote")?.after(leading);
  leading.className = "leading";
  focus(errors[0][1]);
  return true;
}

// What the list that one came from asks for, such as "without_website", is what one is here to fill in.
function showAsked() {
  const list = new URLSearchParams(new URLSearchParams(location.search).get("_changelist_filters") ?? "");
  const lacking = list.get("ask")?.split(",").find((name) => name.startsWith("without_"));
  const name = lacking?.slice("without_".length);
  const field = form.elements.namedItem(name === "specialty" ? "specialties" : name ?? "");
  if (field instanceof HTMLElement) focus(field);
}

if (form) {
  // Behind what Django and the labels do at the same event.
  window.addEventListener("load", () =>
    setTimeout(() => {
      opened = document.querySelector(UNSAVED) ? null : typed();
      if (!showErrors() && opened !== null) showAsked();
    }),
  );
  window.addEventListener("beforeunload", ask);
  window.addEventListener("pageshow", () => {
    isSent = false;
  });
  form.addEventListener("submit", () => {
    isSent = true;
  });
}
