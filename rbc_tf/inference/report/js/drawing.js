// Pictures with boxes, cut-outs of regions and bars of probabilities, all as SVG.

const boxClass = (region) => (region.abnormal ? "box abnormal" : "box normal");

function boxAttributes(region) {
  return {
    x: region.xmin,
    y: region.ymin,
    width: Math.max(0, region.xmax - region.xmin),
    height: Math.max(0, region.ymax - region.ymin),
  };
}

function pixels(image) {
  return svg("image", {
    width: image.width,
    height: image.height,
    preserveAspectRatio: "none",
    href: pictureUrl(image),
  });
}

const area = (region) => (region.xmax - region.xmin) * (region.ymax - region.ymin);

// Small boxes come last: they stay within reach of the pointer above the large ones.
function drawBoxes(regions) {
  return [...regions]
    .sort((a, b) => area(b) - area(a))
    .map((region) => {
      const box = svg("rect", { class: boxClass(region), ...boxAttributes(region) });
      box.region = region;
      return box;
    });
}

function drawNames(image, regions) {
  const size = Math.max(image.width, image.height) / 78;
  return regions.map((region) => {
    const above = region.ymin > size * 1.2;
    const y = above ? region.ymin - size * 0.25 : region.ymin + size;
    const text = `${region.abnormal ? "\u25B2" : ""}${region.labels.length ? labelText(region) : "?"}`;
    // A name that would leave the picture on the right ends where its box does.
    const late = region.xmin + 0.65 * size * text.length > image.width;
    const anchor = late
      ? { x: Math.min(region.xmax, image.width), "text-anchor": "end" }
      : { x: region.xmin };
    return svg("text", { class: "name", ...anchor, y, "font-size": size }, text);
  });
}

function drawPicture(image, { boxes = true, names = false } = {}) {
  const regions = shownRegions(image);
  return svg(
    "svg",
    {
      class: "picture",
      viewBox: `0 0 ${image.width} ${image.height}`,
      role: "img",
      "aria-label": `${image.name} with ${counted(regions.length, "region")} drawn`,
    },
    pixels(image),
    ...(boxes ? drawBoxes(regions) : []),
    ...(names ? drawNames(image, regions) : []),
  );
}

// The square around a region with something of what surrounds it.
function cutOut(region, withBox) {
  const width = region.xmax - region.xmin;
  const height = region.ymax - region.ymin;
  const side = Math.max(width, height, 1) * 1.4;
  const left = region.xmin + width / 2 - side / 2;
  const top = region.ymin + height / 2 - side / 2;
  return svg(
    "svg",
    { class: "cut-out", viewBox: `${left} ${top} ${side} ${side}`, "aria-hidden": "true" },
    pixels(region.image),
    withBox ? svg("rect", { class: boxClass(region), ...boxAttributes(region) }) : null,
  );
}

// A probability from 0 to 1 with a tick at its threshold.
function drawBar(probability, threshold, abnormal) {
  return svg(
    "svg",
    { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: abnormal ? "abnormal" : "normal", width: 100 * probability, height: 10 }),
    svg("line", { x1: 100 * threshold, x2: 100 * threshold, y2: 10 }),
  );
}

function probabilityRow(name, probability, threshold, abnormal, present) {
  return html(
    "tr",
    present ? { class: "present" } : {},
    html("td", {}, present ? "\u2713" : ""),
    html("th", { scope: "row" }, name),
    html("td", {}, drawBar(probability, threshold, abnormal)),
    html("td", { class: "n" }, probability.toFixed(3)),
    html("td", { class: "n threshold" }, threshold.toFixed(3)),
  );
}

function drawProbabilities(region) {
  const heads = ["", "Type", "", "Probability", "Threshold"];
  return html(
    "table",
    { class: "probabilities" },
    html("thead", {}, html("tr", {}, ...heads.map((text) => html("th", { scope: "col" }, text)))),
    html(
      "tbody",
      {},
      ...run.types.map((type, index) =>
        probabilityRow(
          type.name,
          region.probabilities[index],
          run.thresholds[index],
          type.abnormal,
          region.labels.includes(index),
        ),
      ),
      probabilityRow(
        "abnormal",
        region.abnormalProbability,
        run.abnormalThreshold,
        true,
        region.abnormal,
      ),
    ),
  );
}
