// The table of images: sorted by any column, a page of rows at a time.

const ROWS_PER_PAGE = 100;
let tablePage = 0;
let tableSort = { column: 0, descending: false };

const collator = new Intl.Collator("en", { numeric: true });

const columns = [
  { title: "Image", value: (image) => image.name },
  { title: "Regions", value: (image) => image.regions.length },
  { title: "Shown", value: (image) => shownRegions(image).length },
  { title: "Abnormal", value: (image) => image.abnormal },
  { title: "Share abnormal (95 %)", value: (image) => image.share ?? -1, text: shareText },
  { title: "Doubtful", value: countDoubtful },
  ...(images.some(isWarnedOf)
    ? [{ title: "Warned of", value: (image) => image.warnings.length, text: warningText }]
    : []),
  ...typeNames.map((title, type) => ({ title, value: (image) => image.counts[type], narrow: true })),
];

function warningText(image) {
  return image.warnings.map(([what]) => what).join(", ") || "\u2013";
}

function shareText(image) {
  if (image.share === null) {
    return "\u2013";
  }
  const [low, high] = image.interval;
  return `${percent(image.share)} (${(100 * low).toFixed(0)}\u2013${(100 * high).toFixed(0)})`;
}

function compareImages(a, b) {
  const { value } = columns[tableSort.column];
  const [x, y] = [value(a), value(b)];
  const order = typeof x === "string" ? collator.compare(x, y) : x === y ? 0 : x < y ? -1 : 1;
  return (tableSort.descending ? -order : order) || a.index - b.index;
}

const sortedImages = () => [...selection.images].sort(compareImages);

function drawColumns() {
  byId("image-columns").replaceChildren(
    ...columns.map((column, index) => {
      const sorted = index === tableSort.column;
      const direction = tableSort.descending ? "descending" : "ascending";
      const button = html("button", { type: "button" }, column.title);
      button.addEventListener("click", () => sortBy(index));
      return html(
        "th",
        {
          scope: "col",
          class: column.narrow ? "narrow" : null,
          "aria-sort": sorted ? direction : "none",
        },
        button,
      );
    }),
  );
}

// Names begin at A, numbers at the largest.
function sortBy(index) {
  const again = tableSort.column === index;
  tableSort = { column: index, descending: again ? !tableSort.descending : index !== 0 };
  tablePage = 0;
  drawColumns();
  drawTable();
  byId("image-columns").children[index].firstChild.focus();
}

function drawRow(image, position) {
  const cells = columns.map((column, index) => {
    const value = column.value(image);
    const text = column.text ? column.text(image) : String(value);
    return index === 0
      ? html("th", { scope: "row" }, text)
      : html("td", { class: value === 0 ? "n zero" : "n" }, text);
  });
  const row = html("tr", { tabindex: position === 0 ? 0 : -1 }, ...cells);
  row.image = image;
  return row;
}

function drawTable(whole = false) {
  const sorted = sortedImages();
  const pages = Math.max(1, Math.ceil(sorted.length / ROWS_PER_PAGE));
  tablePage = Math.min(tablePage, pages - 1);
  const start = tablePage * ROWS_PER_PAGE;
  const page = whole ? sorted : sorted.slice(start, start + ROWS_PER_PAGE);
  byId("image-rows").replaceChildren(...page.map(drawRow));
  if (page.length === 0) {
    const text = images.length ? "No image passes the filters." : "No image was analysed.";
    byId("image-rows").append(html("tr", {}, html("td", { colspan: columns.length }, text)));
  }
  drawPager(byId("image-pager"), tablePage, pages, (target) => {
    tablePage = target;
    drawTable();
    byId("main").scrollTop = 0;
  });
}

const listedRows = () => Array.from(byId("image-rows").children).filter((row) => row.image);

// One row at a time is a stop of the Tab key; arrow keys move it.
function focusRow(row) {
  listedRows().forEach((other) => other.setAttribute("tabindex", other === row ? 0 : -1));
  row.focus();
}

function focusImage(image) {
  tablePage = Math.max(0, Math.floor(sortedImages().indexOf(image) / ROWS_PER_PAGE));
  drawTable();
  const row = listedRows().find((candidate) => candidate.image === image);
  if (row) {
    focusRow(row);
  }
}

function listenToTable(open) {
  const body = byId("image-rows");
  const rowOf = (event) => event.target.closest("tr");
  body.addEventListener("click", (event) => {
    if (rowOf(event)?.image) {
      open(rowOf(event).image);
    }
  });
  body.addEventListener("keydown", (event) => {
    const row = rowOf(event);
    const rows = listedRows();
    const target = {
      ArrowDown: row.nextElementSibling,
      ArrowUp: row.previousElementSibling,
      Home: rows[0],
      End: rows.at(-1),
    }[event.key];
    if (event.key === "Enter" && row.image) {
      event.preventDefault();
      open(row.image);
    } else if (target?.image) {
      event.preventDefault();
      focusRow(target);
    }
  });
}
