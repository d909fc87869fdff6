// Starts Swagger UI, with two plugins: its own filter knows names of tags only, and it has no place for code samples.

/** Filters operations by their tag, path, summary and description. */
const FilterOperations = ({ React }) => {
  const opsFilter = (tags, phrase) => {
    const sought = phrase.toLowerCase();
    const isSought = (tag, each) =>
      [tag, each.get("path"), each.getIn(["operation", "summary"]), each.getIn(["operation", "description"])]
        .some((text) => text.toLowerCase().includes(sought));
    return tags
      .map((group, tag) => group.update("operations", (all) => all.filter((each) => isSought(tag, each))))
      .filter((group) => group.get("operations").size);
  };
  const FilterContainer = ({ layoutSelectors, layoutActions }) => {
    const phrase = layoutSelectors.currentFilter();
    const field = React.createElement("input", {
      className: "operation-filter-input",
      type: "search",
      "aria-label": "Filter calls",
      placeholder: "Filter calls by path or words",
      value: phrase === true ? "" : phrase, // true: there is a filter, and nothing in it
      onChange: (event) => layoutActions.updateFilter(event.target.value || true),
    });
    return React.createElement("div", { className: "filter wrapper" }, field);
  };
  return { fn: { opsFilter }, components: { FilterContainer } };
};

/** Shows the code samples of an operation above its responses. */
const CodeSamples = ({ React }) => {
  const sample = ({ label, source }) =>
    React.createElement(
      "details",
      { key: label, className: "code-sample" },
      React.createElement("summary", null, label),
      React.createElement("pre", { tabIndex: 0 }, source),
    );
  const withSamples = (Responses, system) => (props) => {
    const samples = system.specSelectors.specJson().getIn(["paths", props.path, props.method, "x-codeSamples"]);
    return React.createElement(
      React.Fragment,
      null,
      React.createElement(
        "section",
        { className: "code-samples", "aria-label": "Code samples" },
        React.createElement("h4", null, "Code samples"),
        samples.toJS().map(sample),
      ),
      React.createElement(Responses, props),
    );
  };
  return { wrapComponents: { responses: withSamples } };
};

SwaggerUIBundle({
  url: "openapi.json",
  domNode: document.getElementById("reader"),
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: -1,
  defaultModelExpandDepth: 3,
  displayRequestDuration: true,
  validatorUrl: null, // it would show the document to another host
  plugins: [FilterOperations, CodeSamples],
});
