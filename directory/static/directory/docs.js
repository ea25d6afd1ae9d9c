"use strict";

const docs = document.getElementById("docs");
SwaggerUIBundle({
  domNode: docs,
  url: docs.dataset.schema,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  defaultModelRendering: "model", // an example made up from a whole schema takes longer
  defaultModelExpandDepth: 0,
  filter: true,
  validatorUrl: null, // would send the address of this page to another host
  // The page may be reached at another origin than the one that the API names as its own.
  requestInterceptor: (request) => {
    const url = new URL(request.url, location.href);
    request.url = location.origin + url.pathname + url.search;
    return request;
  },
});
