// A bulk change does what was shown: once something else is chosen above, it has to be shown anew.

const values = document.getElementById("values");
const change = document.getElementById("change");

function outdate() {
  document.getElementById("outdated").hidden = false;
  change.querySelector("[type=submit]").disabled = true;
}

if (values && change) {
  values.addEventListener("input", outdate);
  django.jQuery(values).on("change", outdate); // Select2 tells nobody else
}
