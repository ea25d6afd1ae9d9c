// What a merge gives follows each choice: the server says it, as it does for the button, which is not needed then.

const form = document.getElementById("merge");
let asked = 0;

async function show() {
  asked += 1;
  const turn = asked;
  const response = await fetch(location.href, { method: "POST", body: new FormData(form) });
  if (!response.ok || turn !== asked) {
    return; // a later choice is on its way
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const cell of form.querySelectorAll(".result")) {
    cell.textContent = page.getElementById(cell.id)?.textContent ?? "";
  }
}

document.getElementById("show").hidden = true;
form.addEventListener("change", (event) => {
  if (event.target.type === "radio") {
    show();
  }
});
