// The slider over the number of Services. Python has packed all answers (svcnotes/widgets/scale.py), so that moving
// it asks nobody. Everything from the message enters the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Only what a drawing of curves is made of.
function s(tag, attributes, text = "") {
  if (!["line", "polyline", "path", "text", "svg", "g", "title"].includes(tag)) return document.createTextNode("");
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

// JupyterLab's notebook shortcuts leave a focused element alone that carries this attribute itself.
const QUIET = { "data-lm-suppress-shortcuts": "true" };

// Radio buttons: arrow keys move and choose, one of them is in the tab order.
function radios(id, name, label, options, onChoose) {
  const group = h("div", { role: "radiogroup", class: "segments", "aria-labelledby": id, "data-control": name });
  group.append(...options.map(([value, text]) =>
    h("button", { type: "button", role: "radio", "data-value": value, onclick: () => onChoose(value), ...QUIET }, text)));
  group.addEventListener("keydown", (event) => {
    const all = [...group.children];
    const at = all.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = all[(to + all.length) % all.length];
    onChoose(next.dataset.value);
    next.focus();
  });
  const update = (value) => {
    for (const button of group.children) {
      const on = button.dataset.value === value;
      button.setAttribute("aria-checked", on ? "true" : "false");
      button.tabIndex = on ? 0 : -1;
    }
  };
  return { box: h("div", { class: "control" }, h("span", { id, class: "label" }, label), group), update };
}

function table(heads, rows, caption) {
  const head = h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)));
  const body = rows.map(([first, ...rest]) =>
    h("tr", {}, h("th", { scope: "row" }, first), ...rest.map((text) => h("td", {}, text || "–"))));
  return h("div", { class: "wide" }, h("table", {}, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, ...body)));
}

function picture(plot, services) {
  const [width, height, top, bottom] = plot.size;
  const drawn = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": plot.label });
  const x = plot.at[services];
  if (x !== undefined) {
    drawn.append(s("line", { x1: x, x2: x, y1: top, y2: bottom, class: "cursor" }),
      s("path", { d: `M${x - 7} ${top - 11}L${x + 7} ${top - 11}L${x} ${top - 1}z`, class: "pointer" }));
  }
  drawn.append(...plot.elements.map(([tag, attributes, text]) => s(tag, attributes, text)));
  return drawn;
}

function render({ model, el }) {
  const id = `svcnotes-scale-${Math.random().toString(36).slice(2)}`;
  const read = () => JSON.parse(model.get("message"));
  let message = read();
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
    paint();
  };

  const question = h("h3", { class: "question" }, message.question);
  const slider = h("input", {
    type: "range", min: "0", max: String(message.steps.length - 1), step: "1", id: `${id}-s`, "data-control": "services",
    oninput: () => set("services", message.steps[Number(slider.value)]), ...QUIET,
  });
  slider.addEventListener("keydown", (event) => event.stopPropagation());
  const number = h("output", { for: `${id}-s`, class: "number" });
  const packets = radios(`${id}-p`, "packet", "The packet asks for", message.packets, (value) => set("packet", value));
  const measures = radios(`${id}-m`, "measure", "Look at", message.measures, (value) => set("measure", value));
  measures.box.hidden = message.measures.length < 2;
  const verdict = h("p", { class: "verdict", role: "status", "aria-live": "polite" });
  const heading = h("h4", {});
  const legend = h("div", { class: "legend" });
  const plot = h("div", { class: "plot" });
  const here = h("div", { class: "here" });
  const twin = h("div", {});
  el.append(h("section", { class: "svcnotes-stage svcnotes-scale" }, question,
    h("div", { class: "bar" },
      h("div", { class: "control slider" }, h("label", { for: `${id}-s`, class: "label" }, "Services"), slider, number),
      packets.box, measures.box),
    verdict, h("div", { class: "board" }, h("div", {}, heading, legend, plot), here),
    h("details", { class: "twin" }, h("summary", QUIET, "The curves in numbers"), twin)));

  function paint() {
    const services = model.get("services");
    const measure = model.get("measure");
    const byPacket = measure === message.byPacket;
    const packet = byPacket ? model.get("packet") : message.packets[0][0];
    const at = message.steps.indexOf(services);
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", `${message.words[at]} Services`);
    number.textContent = message.words[at];
    packets.update(model.get("packet"));
    packets.box.hidden = !byPacket;
    measures.update(measure);
    const said = message.sentences[`${services}|${measure}|${packet}`] || message.notYet[services];
    if (verdict.textContent !== said) verdict.textContent = said;
    verdict.classList.toggle("waits", services in message.notYet);
    const shown = message.plots[`${measure}|${packet}`];
    heading.textContent = `${shown.title} (upwards: ${shown.up})`;
    legend.replaceChildren(...shown.legend.map(([name, glyph, colour]) => {
      const mark = h("span", { class: "mark", "aria-hidden": "true" }, `${glyph} `);
      mark.style.color = colour; // a saved page allows no style attributes
      return h("span", {}, mark, name);
    }));
    plot.replaceChildren(picture(shown, services));
    const rows = message.rows[`${services}|${model.get("packet")}`];
    here.replaceChildren(rows ? standing(rows, services) : h("p", { class: "none" }, message.notYet[services]));
    twin.replaceChildren(table(shown.heads, shown.table, shown.title));
  }

  // One number of Services, set upright: a column for each mode.
  function standing(rows, services) {
    const [, ...heads] = message.heads;
    const upright = heads.map((head, index) => [head, ...rows.map((row) => row[index + 1])]);
    const words = message.words[message.steps.indexOf(services)];
    return table(["on each node", ...rows.map((row) => row[0])], upright, `${words} Services in numbers`);
  }

  const renewed = () => { message = read(); paint(); };
  model.on("change:message", renewed);
  for (const name of ["services", "packet", "measure"]) model.on(`change:${name}`, paint);
  paint();
}

export default { render };
