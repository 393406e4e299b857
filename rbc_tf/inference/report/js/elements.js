// Elements are made here and nowhere from strings: a name can never become markup.

const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const percent = (share) => `${(100 * share).toFixed(0)} %`;

const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

function mark(abnormal) {
  const kind = abnormal ? "abnormal" : "normal";
  return html("span", { class: `mark ${kind}` }, kind);
}

// Previous and next page, under a list that is too long to be shown whole.
function drawPager(holder, page, pages, go) {
  const step = (text, label, target) => {
    const button = html(
      "button",
      { type: "button", "aria-label": label, disabled: target < 0 || target >= pages },
      text,
    );
    button.addEventListener("click", () => go(target));
    return button;
  };
  holder.replaceChildren();
  if (pages > 1) {
    holder.append(
      step("\u25C0", "Previous page", page - 1),
      html("span", {}, `Page ${page + 1} of ${pages}`),
      step("\u25B6", "Next page", page + 1),
    );
  }
}
