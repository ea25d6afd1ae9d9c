// Deciding by keyboard: j and k walk through the fields, a accepts, r rejects, ? shows the keys.

const fields = [...document.querySelectorAll(".field")].filter((field) => field.querySelector(".decision"));
const keys = document.getElementById("keys");
const done = document.querySelector(".submit-row input");
let at = -1;

function go(to) {
  if (to >= fields.length) {
    done.focus();
    return;
  }
  at = Math.max(0, to);
  fields[at].focus();
  fields[at].scrollIntoView({ block: "nearest" });
}

function choose(value) {
  at = Math.max(0, at);
  const radio = fields[at].querySelector(`input[value=${value}]`);
  radio.checked = true;
  radio.dispatchEvent(new Event("change", { bubbles: true }));
}

const actions = {
  j: () => go(at + 1),
  k: () => go(at - 1),
  a: () => {
    choose("accept");
    go(at + 1);
  },
  r: () => {
    choose("reject");
    fields[at].querySelector(".reason input").focus();
  },
  "?": () => keys.showModal(),
};

document.addEventListener("focusin", (event) => {
  const field = event.target.closest(".field");
  if (field && fields.includes(field)) {
    at = fields.indexOf(field);
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches(".decision input[type=radio]")) {
    const decision = event.target.closest(".decision");
    decision.querySelector(".reason input").required = event.target.value === "reject";
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys.open) {
    return;
  }
  if (event.target.matches(".reason input")) {
    if (event.key === "Enter") {
      event.preventDefault(); // would send the form
      go(at + 1);
    } else if (event.key === "Escape") {
      go(at);
    }
    return;
  }
  if (event.target.matches("input:not([type=radio], [type=submit]), textarea, select")) {
    return;
  }
  const action = actions[event.key];
  const isPossible = fields.length > 0 || event.key === "j" || event.key === "?";
  if (action && isPossible) {
    event.preventDefault(); // or the letter would be the first of the reason
    action();
  }
});

const show = document.getElementById("show-keys");
show.hidden = false;
show.addEventListener("click", () => keys.showModal());
