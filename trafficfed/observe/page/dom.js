// Elements made by code alone. Whatever comes from the controller goes in as text or as an attribute's value: nothing
// here, and nothing on this page, ever reads markup out of a string.

const SVG = "http://www.w3.org/2000/svg";
const LISTENER = "on";

export const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === LISTENER) for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// A table with a caption for screen readers. Rows are arrays of cells; a cell is text, a node, or a list of these.
export function table(caption, titles, rows) {
  return el("table", {},
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, titles.map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, at) =>
      at === 0 ? el("th", { scope: "row" }, cell) : el("td", { "data-title": titles[at] }, cell))))));
}

// A word with its colour and sign: never the colour alone.
export function badge(text, mood) {
  const sign = { good: "\u25cf", bad: "\u2715", doubt: "\u25d0", quiet: "\u25cb" }[mood];
  return el("span", { class: `badge ${mood}` }, el("span", { "aria-hidden": "true" }, `${sign} `), text);
}

const shown = new WeakMap();

// Replace what a node shows only where that differs from what it was last told to show: focus, selection, scrolling and
// what the user has unfolded stay.
export function show(node, ...children) {
  const fresh = el("div");
  fresh.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  if (shown.get(node)?.isEqualNode(fresh)) return;
  shown.set(node, fresh.cloneNode(true));
  node.replaceChildren(...fresh.childNodes);
}
