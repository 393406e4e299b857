// What the filter bar lets through. `selection` is made anew at every change of a filter.

const NO_TYPE = -1;
let selection = { images: [], regions: new Map(), filtered: false };

function typeBoxes() {
  return Array.from(byId("filter-types").querySelectorAll("input"));
}

function buildTypeFilters() {
  const choices = typeNames.map((name, type) => [type, name]).concat([[NO_TYPE, "no type"]]);
  byId("filter-types").append(
    ...choices.map(([value, name]) =>
      html("label", {}, html("input", { type: "checkbox", value }), ` ${name}`),
    ),
  );
}

function readFilters() {
  const number = (id, otherwise) => {
    const value = byId(id).valueAsNumber;
    return Number.isNaN(value) ? otherwise : value;
  };
  return {
    name: byId("filter-name").value.trim().toLowerCase(),
    abnormality: byId("filter-abnormality").value,
    warned: byId("filter-warned").value,
    low: number("filter-low", 0),
    high: number("filter-high", 1),
    types: new Set(typeBoxes().filter((box) => box.checked).map((box) => Number(box.value))),
  };
}

function hasChosenType(region, types) {
  if (types.size === 0) {
    return true;
  }
  return region.labels.length === 0
    ? types.has(NO_TYPE)
    : region.labels.some((type) => types.has(type));
}

function passes(region, filters) {
  return (
    region.score >= filters.low &&
    region.score <= filters.high &&
    (filters.abnormality === "" || region.abnormal === (filters.abnormality === "abnormal")) &&
    hasChosenType(region, filters.types)
  );
}

const isWarnedOf = (image) => image.warnings.length > 0;

// An image is listed where it fits itself and, when regions are filtered, one of them passes.
function applyFilters() {
  const filters = readFilters();
  const filtered =
    filters.abnormality !== "" || filters.types.size > 0 || filters.low > 0 || filters.high < 1;
  const regions = new Map();
  for (const image of images) {
    const shown = image.regions.filter((region) => passes(region, filters));
    regions.set(image, shown);
  }
  const listed = images.filter(
    (image) =>
      image.name.toLowerCase().includes(filters.name) &&
      (filters.warned === "" || isWarnedOf(image) === (filters.warned === "yes")) &&
      (!filtered || regions.get(image).length > 0),
  );
  selection = { images: listed, regions, filtered };
  const count = selectedRegions().length;
  byId("status").textContent =
    `${count.toLocaleString("en")} of ${counted(allRegions, "region")}, ` +
    `${listed.length.toLocaleString("en")} of ${counted(images.length, "image")}`;
}

const allRegions = images.reduce((sum, image) => sum + image.regions.length, 0);

const shownRegions = (image) => selection.regions.get(image);

const selectedRegions = () => selection.images.flatMap(shownRegions);

const DOUBTFUL = 0.05;
const countDoubtful = (image) =>
  shownRegions(image).filter((region) => region.margin < DOUBTFUL).length;

function resetFilters() {
  byId("filter-name").value = "";
  byId("filter-abnormality").value = "";
  byId("filter-warned").value = "";
  byId("filter-low").value = "0";
  byId("filter-high").value = "1";
  typeBoxes().forEach((box) => {
    box.checked = false;
  });
}
