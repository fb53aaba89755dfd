// A prediction: native radio buttons and one button to commit. Words enter the page as text only.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Text whose names, such as my-nginx-1, are not torn at a hyphen; a very long one may be.
function whole(text) {
  return text.split(/(\w{1,12}(?:-\w{1,12}){1,3})(?![\w-])/).map((part, index) => (index % 2 ? h("span", { class: "name" }, part) : part));
}

function sentence(runs, marks) {
  return runs.flatMap(([text, kind, role]) => {
    if (kind === "address") {
      const mark = h("span", { class: `mark mark-${role}`, "aria-hidden": "true" }, `${(marks[role] || ["•"])[0]} `);
      return h("span", { class: "address" }, mark, text);
    }
    if (kind === "code") return h("code", {}, text);
    if (kind === "strong") return h("strong", {}, ...whole(text));
    return whole(text);
  });
}

function render({ model, el }) {
  // Each widget loads this module anew, so a counter would give all of them one group of radio buttons.
  const name = `svcnotes-predict-${Math.random().toString(36).slice(2)}`;
  const message = model.get("message");
  const suppress = { "data-lm-suppress-shortcuts": "true" }; // see stage.js
  const inputs = message.options.map((_, index) => h("input", { type: "radio", name, value: String(index), ...suppress }));
  const commit = h("button", { type: "button", ...suppress }, "Commit");
  const feedback = h("p", { class: "feedback", role: "status", "aria-live": "polite", tabindex: "-1" });
  const root = h("section", { class: "svcnotes-predict" },
    h("fieldset", {}, h("legend", {}, ...whole(message.question)),
      ...message.options.map((text, index) => h("label", {}, inputs[index], h("span", {}, ...whole(text)))), commit),
    feedback);
  el.append(root);

  commit.addEventListener("click", () => {
    const at = inputs.findIndex((input) => input.checked);
    if (at < 0) {
      feedback.textContent = message.none;
      inputs[0].focus();
      return;
    }
    model.set("chosen", at);
    model.save_changes();
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "radio") commit.click();
    event.stopPropagation();
  });

  function paint() {
    const now = model.get("message");
    const chosen = model.get("chosen");
    const done = now.feedback.length > 0;
    // What is disabled or hidden loses the keyboard, and the next Tab would begin at the top of the page.
    const held = done && root.contains(document.activeElement);
    inputs.forEach((input, index) => {
      if (chosen >= 0) input.checked = index === chosen;
      input.disabled = done;
    });
    commit.hidden = done;
    feedback.className = done ? `feedback ${now.right ? "right" : "wrong"}` : "feedback";
    if (done) feedback.replaceChildren(...sentence(now.feedback, now.marks));
    else feedback.textContent = now.none;
    if (held) feedback.focus({ preventScroll: true });
  }
  model.on("change:message", paint);
  paint();
}

export default { render };
