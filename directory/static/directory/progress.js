// How far background work is: asks until it is over, then shows the page anew.

const bar = document.getElementById("progress");
const text = document.getElementById("progress-text");
const PAUSE = 1000; // milliseconds

async function look() {
  try {
    const response = await fetch(bar.dataset.address, { headers: { Accept: "application/json" } });
    if (response.ok) {
      const { busy, done, all } = await response.json();
      if (!busy) {
        location.reload();
        return;
      }
      if (all) {
        bar.max = all;
        bar.value = done;
        text.textContent = `${done} of ${all}`;
      }
    }
  } catch {
    // The server cannot be reached just now: ask again.
  }
  setTimeout(look, PAUSE);
}

look();
