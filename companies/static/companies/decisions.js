// Ticked decisions are not lost by leaving the page without a word.

const form = document.querySelector("form.decisions");

if (form) {
  let isChanged = false;
  form.addEventListener("change", () => {
    isChanged = true;
  });
  form.addEventListener("submit", () => {
    isChanged = false;
  });
  addEventListener("beforeunload", (event) => {
    if (isChanged) {
      event.preventDefault();
    }
  });
}
