/**
 * <directory-listings query="hub=lahore&specialty=artificial-intelligence" limit="10"></directory-listings>
 *
 * Companies of the directory on a page of yours. Attributes: query (of the list, as in the API), view (the slug of a
 * view, which the query narrows), limit (1–50), theme (auto, light, dark), directory (its origin; this module's unless
 * given). Direction and language are the page's. Colours and font: the CSS variables --directory-ink, -paper, -quiet,
 * -line, -accent and -font; the space on both sides: --directory-space.
 * What stands inside the element is shown until there is an answer, and where there never was one. The last answer is
 * kept in the browser's cache of your site, and shown while the directory is out of reach; there are no cookies.
 */

const FIELDS = "name,url,website,summary,hub(name),specialties(name)";
const KEPT = "directory-listings";
const PATIENCE = 8000; // milliseconds

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host {
    --ink: var(--directory-ink, #1d2b26);
    --paper: var(--directory-paper, #fff);
    --quiet: var(--directory-quiet, #5d6b65);
    --line: var(--directory-line, #dbe3df);
    --accent: var(--directory-accent, #01653a);
    display: block;
    padding-inline: var(--directory-space, 0.75rem);
    background: var(--paper);
    color: var(--ink);
    color-scheme: light;
    font: 0.9375rem/1.5 var(--directory-font, system-ui, sans-serif);
  }
  :host([hidden]) { display: none; }
  :host([theme="dark"]) {
    --ink: var(--directory-ink, #e4ebe7);
    --paper: var(--directory-paper, #151b18);
    --quiet: var(--directory-quiet, #9aa8a1);
    --line: var(--directory-line, #33403a);
    --accent: var(--directory-accent, #5cc795);
    color-scheme: dark;
  }
  @media (prefers-color-scheme: dark) {
    :host([theme="auto"]) {
      --ink: var(--directory-ink, #e4ebe7);
      --paper: var(--directory-paper, #151b18);
      --quiet: var(--directory-quiet, #9aa8a1);
      --line: var(--directory-line, #33403a);
      --accent: var(--directory-accent, #5cc795);
      color-scheme: dark;
    }
  }
  ul { margin: 0; padding: 0; list-style: none; }
  li { border-bottom: 1px solid var(--line); padding: 0.75rem 0; }
  /* English names on a right-to-left page stay by themselves, and sentences begin where theirs do. */
  a, .hub { unicode-bidi: isolate; }
  p { unicode-bidi: plaintext; }
  :host(:dir(rtl)) p { text-align: right; }
  a { color: var(--accent); font-weight: 600; }
  a:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  p { margin: 0.25rem 0 0; overflow-wrap: anywhere; }
  button { margin: 0.75rem 0; border: 1px solid var(--accent); border-radius: 0.375rem; padding: 0.375rem 0.875rem;
    background: none; color: var(--accent); font: inherit; cursor: pointer; }
  .hub { margin-inline-start: 0.5rem; }
  .hub, .specialties, .note, .source { color: var(--quiet); font-size: 0.8125rem; }
  .source { padding: 0.5rem 0; }
`);

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** A link, or only its text where the address is none that a reader should follow. */
function link(text, address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return element("span", text);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return element("span", text);
  return element("a", text, { href: url.href, target: "_blank", rel: "noopener noreferrer" });
}

function entry(company) {
  const item = element("li");
  item.append(link(company.name, company.website ?? company.url));
  if (company.hub) item.append(" ", element("span", company.hub.name, { class: "hub" }));
  if (company.summary) item.append(element("p", company.summary));
  const specialties = company.specialties.map((specialty) => specialty.name).join(", ");
  if (specialties) item.append(element("p", specialties, { class: "specialties" }));
  return item;
}

/** The cache of answers, where the page may have one: it has to be served over https. */
async function cache() {
  return globalThis.caches ? caches.open(KEPT) : null;
}

/** {answer, since}: the list, and since when we have it if the directory does not give it now. */
async function ask(address) {
  const kept = await cache().catch(() => null);
  let response;
  try {
    response = await fetch(address, { cache: "no-cache", credentials: "omit", signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    return remembered(kept, address, error);
  }
  if (response.status >= 500 || response.status === 429) {
    return remembered(kept, address, new Error(`The directory answered ${response.status}.`));
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? `The directory answered ${response.status}.`);
  }
  const text = await response.text();
  const today = { headers: { Date: new Date().toUTCString() } }; // the directory's own is not shown to other sites
  await kept?.put(address, new Response(text, today)).catch(() => {}); // a full disk is no reason to show nothing
  return { answer: JSON.parse(text), since: "" };
}

async function remembered(kept, address, error) {
  const response = await kept?.match(address);
  if (!response) throw error;
  return { answer: await response.json(), since: response.headers.get("Date") ?? "" };
}

export class DirectoryListings extends HTMLElement {
  static observedAttributes = ["query", "view", "limit", "directory"];

  constructor() {
    super();
    this.asked = 0;
    this.attachShadow({ mode: "open" });
    this.shadowRoot.adoptedStyleSheets = [sheet];
    this.shadowRoot.append(element("slot"));
  }

  connectedCallback() {
    this.show();
  }

  attributeChangedCallback(name, before, after) {
    if (this.isConnected && before !== after) this.show();
  }

  get origin() {
    return new URL(this.getAttribute("directory") || import.meta.url, document.baseURI).origin;
  }

  /** The list's address; `cursor` is where a further page begins. */
  address(cursor = "") {
    const query = new URLSearchParams(this.getAttribute("query") ?? "");
    query.set("page_size", this.getAttribute("limit") || "10");
    query.set("fields", FIELDS);
    if (cursor) query.set("cursor", cursor);
    const view = this.getAttribute("view");
    const path = view ? `views/${encodeURIComponent(view)}` : "companies";
    return `${this.origin}/api/v1/${path}/?${query}`;
  }

  async show() {
    const turn = ++this.asked;
    this.setAttribute("aria-busy", "true");
    try {
      const found = await ask(this.address());
      if (turn === this.asked) this.draw(found);
    } catch (error) {
      if (turn === this.asked) this.fail(error);
    } finally {
      if (turn === this.asked) this.removeAttribute("aria-busy");
    }
  }

  draw({ answer, since }) {
    const list = element("ul");
    list.append(...answer.results.map(entry));
    const parts = [list];
    if (!answer.results.length) parts.push(element("p", "No company fits.", { class: "note" }));
    const more = this.more(list, answer.next);
    if (more) parts.push(more);
    if (since) {
      const day = new Date(since).toLocaleDateString(this.closest("[lang]")?.lang || undefined);
      parts.push(element("p", `The directory cannot be reached; this is as of ${day}.`, { class: "note", role: "status" }));
    }
    const { attribution, id, url } = answer.meta.license;
    const source = element("p", "From the ", { class: "source" });
    source.append(link(attribution, `${this.origin}/`), ", ", link(id, url));
    this.shadowRoot.replaceChildren(...parts, source);
    this.dispatchEvent(new CustomEvent("directory-shown", { detail: { companies: answer.results.length, since } }));
  }

  /** The button that appends what follows, if anything does. */
  more(list, next) {
    const cursor = next && new URL(next).searchParams.get("cursor");
    if (!cursor) return null;
    const button = element("button", "More", { type: "button" });
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const { answer } = await ask(this.address(cursor));
        const added = answer.results.map(entry);
        list.append(...added);
        const another = this.more(list, answer.next);
        if (another) button.replaceWith(another);
        else button.remove();
        added[0]?.querySelector("a")?.focus();
      } catch {
        button.disabled = false;
        button.textContent = "More (try again)";
      }
    });
    return button;
  }

  /** Show what the page itself has inside the element. */
  fail(error) {
    console.warn(`<directory-listings>: ${error.message}`);
    this.shadowRoot.replaceChildren(element("slot"));
    this.dispatchEvent(new CustomEvent("directory-failed", { detail: { message: error.message } }));
  }
}

if (!customElements.get("directory-listings")) customElements.define("directory-listings", DirectoryListings);
