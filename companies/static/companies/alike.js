// While a name or a website is typed: companies that might be the same, below the field. Says nothing without script.

const QUIET = 350; // milliseconds without a key
const box = document.querySelector("[data-alike]");
const form = document.querySelector("#company_form");
let timer;
let asked;

function typed(name) {
  return form.querySelector(`[name="${name}"]`)?.value.trim() ?? "";
}

function line(match) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = match.url;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = match.name;
  const words = match.certain ? "It is there already" : "Might be the same";
  item.append(link, ` ${match.status} – ${words}: ${match.reasons.join("; ")}.`);
  return item;
}

function show(matches) {
  box.replaceChildren();
  if (matches.length === 0) return;
  const heading = document.createElement("p");
  heading.textContent = "This might exist already. Links open in a new tab.";
  const list = document.createElement("ul");
  list.append(...matches.map(line));
  box.append(heading, list);
}

async function ask() {
  asked?.abort();
  asked = new AbortController();
  const query = new URLSearchParams({
    name: typed("name"), website: typed("website"), hub: typed("hub"), exclude: box.dataset.exclude,
  });
  try {
    const response = await fetch(`${box.dataset.alike}?${query}`, { signal: asked.signal });
    if (response.ok && !response.redirected) show((await response.json()).matches);
  } catch (error) {
    if (error.name !== "AbortError") show([]); // offline: a hint less, and nothing else
  }
}

if (box && form) {
  for (const name of ["name", "website"]) {
    form.querySelector(`[name="${name}"]`)?.addEventListener("input", (event) => {
      event.target.closest(".form-row").after(box); // below what is typed, so that it moves nothing there
      clearTimeout(timer);
      timer = setTimeout(ask, QUIET);
    });
  }
}
