// A console: a native list of places, a line to type, a log. Words enter the page as text only.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function render({ model, el }) {
  const suppress = { "data-lm-suppress-shortcuts": "true" }; // see stage.js
  const id = `svcnotes-console-${Math.random().toString(36).slice(2)}`;
  const first = model.get("message");
  const place = h("select", { id: `${id}-place`, ...suppress });
  const line = h("textarea", {
    "aria-label": "command", rows: "1", spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    placeholder: "help", "aria-describedby": `${id}-keys`, ...suppress,
  });
  const go = h("button", { type: "button", ...suppress }, "Run");
  const log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": "What was printed", tabindex: "0", ...suppress });
  const root = h("section", { class: "svcnotes-console" },
    ...(first.title ? [h("p", { class: "title" }, first.title)] : []),
    log,
    h("div", { class: "prompt" },
      h("label", { for: `${id}-place` }, "at"), place,
      h("span", { class: "dollar", "aria-hidden": "true" }, "$"), line, go),
    h("p", { class: "keys", id: `${id}-keys` },
      "Enter runs it. Shift+Enter begins a new line. ↑ and ↓ bring earlier commands back. “help” lists what a place knows."));
  el.append(root);

  let back = 0; // how many commands back the line shows
  let shown = 0; // the number of the last command in the log

  function fit() {
    line.rows = Math.min(line.value.split("\n").length, 12);
  }

  function run() {
    const command = line.value.trim();
    if (!command) {
      line.focus();
      return;
    }
    model.set("typed", { at: place.value, command, when: Date.now() + Math.random() });
    model.save_changes();
    line.value = "";
    back = 0;
    fit();
  }

  function recall(step) {
    const commands = model.get("message").log.map((one) => one.command);
    back = Math.max(0, Math.min(back + step, commands.length));
    line.value = back ? commands[commands.length - back] : "";
    fit();
    line.setSelectionRange(line.value.length, line.value.length);
  }

  go.addEventListener("click", run);
  line.addEventListener("input", fit);
  root.addEventListener("keydown", (event) => {
    if (event.target === line) {
      const one = !line.value.includes("\n");
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        run();
      } else if (event.key === "ArrowUp" && (one || back)) {
        event.preventDefault();
        recall(1);
      } else if (event.key === "ArrowDown" && (one || back)) {
        event.preventDefault();
        recall(-1);
      }
    }
    event.stopPropagation();
  });

  function paint() {
    const now = model.get("message");
    if (now.places.join() !== [...place.options].map((option) => option.value).join()) {
      place.replaceChildren(...now.places.map((name) => h("option", { value: name }, name)));
      place.value = now.at;
    }
    const fresh = now.log.filter((one) => one.number > shown);
    for (const one of fresh) {
      const failed = one.code ? [h("span", { class: "failed" }, `exit status ${one.code}`)] : [];
      log.append(h("div", { class: "entry" },
        h("div", { class: "typed" }, `${one.at}$ ${one.command}`, ...failed),
        h("pre", {}, one.text)));
      shown = one.number;
    }
    const oldest = now.log.length ? now.log[0].number : 0;
    while (log.children.length > shown - oldest + 1) log.firstChild.remove();
    if (fresh.length) log.scrollTop = log.scrollHeight;
  }
  model.on("change:message", paint);
  paint();
  fit();
}

export default { render };
