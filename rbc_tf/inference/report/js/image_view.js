// One image with its boxes, and beside it the region pointed at or chosen.

let openImage = null;
let chosenRegion = null;

// In the order of doubt, as the arrow keys go through them.
const regionsByDoubt = (image) => [...shownRegions(image)].sort((a, b) => a.margin - b.margin);

function showImage(image, region = null) {
  openImage = image;
  const byDoubt = regionsByDoubt(image);
  chosenRegion = byDoubt.includes(region) ? region : (byDoubt[0] ?? null);
  drawImage();
}

function drawImage() {
  const image = openImage;
  const shown = shownRegions(image);
  const position = sortedImages().indexOf(image);
  byId("image-title").textContent = image.name;
  byId("image-title").title = image.name;
  byId("image-facts").textContent =
    (position < 0 ? "not among the filtered images" : `${position + 1} of ${selection.images.length}`) +
    ` \u00B7 ${image.width} \u00D7 ${image.height} \u00B7 ${counted(image.regions.length, "region")}` +
    (shown.length < image.regions.length ? `, ${shown.length} shown` : "") +
    ` \u00B7 ${image.abnormal} abnormal, ${shareText(image)}` +
    (image.scale === 1 ? "" : ` \u00B7 scaled by ${Number(image.scale.toPrecision(3))} for the analysis`) +
    (image.gain === 1 ? "" : ` \u00B7 made brighter by ${image.gain} for the analysis`);
  byId("image-warnings").hidden = !isWarnedOf(image);
  byId("image-warnings").textContent = `Unlike the images that the bundle learnt from, so that its regions are less certain: ${image.warnings
    .map(([what, values]) => (values ? `${what} (${values})` : what))
    .join("; ")}.`;
  byId("image-counts").textContent = image.counts
    .map((count, type) => `${typeNames[type]} ${count}`)
    .join(", ");
  const options = { boxes: byId("image-boxes").checked, names: byId("image-names").checked };
  byId("figure").replaceChildren(drawPicture(image, options));
  if (pictureUrl(image) === null) {
    byId("figure").append(html("figcaption", {}, "The report holds no picture of this image."));
  }
  showRegion(chosenRegion);
}

function showRegion(region) {
  byId("figure")
    .querySelectorAll("rect")
    .forEach((box) => box.classList.toggle("pointed", box.region === region));
  const byDoubt = regionsByDoubt(openImage);
  byId("region-title").textContent = region
    ? `Region ${region.number}, ${byDoubt.indexOf(region) + 1} of ${byDoubt.length} by doubt`
    : "No region is shown";
  byId("region").replaceChildren(...(region ? regionFacts(region) : []));
}

// Below 0: no type is above its threshold, and that of highest probability was predicted.
const closestText = (region) =>
  region.margin < 0
    ? `${typeNames[region.nearest]}, ${(-region.margin).toFixed(3)} below its threshold, as all are`
    : `${typeNames[region.nearest]}, by ${region.margin.toFixed(3)}`;

function regionFacts(region) {
  const facts = [
    ["Types", html("b", {}, labelText(region))],
    ["Abnormality", mark(region.abnormal)],
    ["Score", region.score.toFixed(3)],
    ["Closest", closestText(region)],
    ["Size", `${(region.xmax - region.xmin).toFixed(0)} \u00D7 ${(region.ymax - region.ymin).toFixed(0)} px`],
  ];
  return [
    html(
      "div",
      { class: "region-facts" },
      cutOut(region, false),
      html("dl", {}, ...facts.flatMap(([term, value]) => [html("dt", {}, term), html("dd", {}, value)])),
    ),
    drawProbabilities(region),
  ];
}

function chooseRegion(region) {
  chosenRegion = region;
  showRegion(region);
}

function stepRegion(step) {
  const byDoubt = regionsByDoubt(openImage);
  const target = byDoubt[byDoubt.indexOf(chosenRegion) + step];
  if (target) {
    chooseRegion(target);
  }
}

function stepImage(step) {
  const sorted = sortedImages();
  const target = sorted[sorted.indexOf(openImage) + step];
  if (target) {
    showImage(target);
  }
}

function showTip(event, region) {
  const tip = byId("tip");
  tip.hidden = !region;
  if (region) {
    const best = region.probabilities
      .map((probability, type) => [probability, typeNames[type]])
      .sort((a, b) => b[0] - a[0])
      .slice(0, 3)
      .map(([probability, name]) => html("div", {}, `${name} ${probability.toFixed(2)}`));
    tip.replaceChildren(html("b", {}, labelText(region)), " ", mark(region.abnormal), ...best);
    const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
    const top = Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8);
    tip.style.left = `${left}px`;
    tip.style.top = `${top}px`;
  }
}

function listenToImage(close) {
  const figure = byId("figure");
  figure.addEventListener("pointermove", (event) => {
    const region = event.target.region ?? null;
    showRegion(region ?? chosenRegion);
    showTip(event, region);
  });
  figure.addEventListener("pointerleave", (event) => {
    showRegion(chosenRegion);
    showTip(event, null);
  });
  figure.addEventListener("click", (event) => {
    if (event.target.region) {
      chooseRegion(event.target.region);
    }
  });
  byId("image-close").addEventListener("click", close);
  byId("image-previous").addEventListener("click", () => stepImage(-1));
  byId("image-next").addEventListener("click", () => stepImage(1));
  byId("region-previous").addEventListener("click", () => stepRegion(-1));
  byId("region-next").addEventListener("click", () => stepRegion(1));
  byId("image-boxes").addEventListener("change", drawImage);
  byId("image-names").addEventListener("change", drawImage);
}
