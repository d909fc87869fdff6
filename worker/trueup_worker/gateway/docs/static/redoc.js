// Starts Redoc, in colours that can be read.
Redoc.init(
  "openapi.json",
  {
    expandResponses: "200,202",
    hideSchemaPattern: true, // formats say it
    sortRequiredPropsFirst: true,
    theme: { typography: { code: { color: "#a31515" } } },
  },
  document.getElementById("reader"),
);
