// Which part of the report is on the screen, and the keys that work everywhere.

const PARTS = ["summary", "images", "image", "review"];
let currentPart = "summary";
let partBehindImage = "images";
let cardBehindImage = null;

function showPart(part) {
  currentPart = part;
  document.body.dataset.part = part;
  for (const name of PARTS) {
    byId(name).hidden = name !== part;
  }
  byId("filters").hidden = part === "summary";
  for (const name of ["summary", "images", "review"]) {
    const current = name === (part === "image" ? partBehindImage : part);
    byId(`show-${name}`).setAttribute("aria-current", current ? "page" : "false");
  }
  if (part !== "image") {
    openImage = null;
  }
  byId("tip").hidden = true;
  drawPart();
}

function drawPart() {
  if (currentPart === "images") {
    drawTable();
  } else if (currentPart === "review") {
    drawReview();
  } else if (currentPart === "image") {
    showImage(openImage, chosenRegion);
  }
}

function openFrom(part) {
  return (image, region = null) => {
    partBehindImage = part;
    cardBehindImage = region;
    openImage = image;
    chosenRegion = region;
    showPart("image");
    byId("image-title").focus();
  };
}

// Back to where the image was opened, with the focus on it.
function closeImage() {
  const image = openImage;
  showPart(partBehindImage);
  if (partBehindImage === "images") {
    focusImage(image);
  } else {
    const cards = Array.from(byId("review-cards").querySelectorAll(".card"));
    cards.find((card) => card.region === cardBehindImage)?.focus();
  }
}

const IMAGE_KEYS = {
  Escape: closeImage,
  ArrowLeft: () => stepImage(-1),
  ArrowRight: () => stepImage(1),
  ArrowUp: () => stepRegion(-1),
  ArrowDown: () => stepRegion(1),
};

function onKey(event) {
  const typing = event.target.matches("input:not([type=checkbox]), select");
  const action = IMAGE_KEYS[event.key];
  if (currentPart === "image" && action && !event.ctrlKey && !event.altKey && !event.metaKey) {
    if (event.key === "Escape" || !typing) {
      event.preventDefault();
      action();
    }
  }
}

function onFilter() {
  tablePage = 0;
  reviewPage = 0;
  applyFilters();
  drawPart();
}

buildTypeFilters();
byId("warned").hidden = !images.some(isWarnedOf);
buildReviewChoice();
applyFilters();
drawColumns();
drawTable();
for (const name of ["summary", "images", "review"]) {
  byId(`show-${name}`).addEventListener("click", () => showPart(name));
}
byId("filters").addEventListener("input", onFilter);
byId("reset").addEventListener("click", () => {
  resetFilters();
  onFilter();
});
byId("download-regions").addEventListener("click", downloadRegions);
byId("download-images").addEventListener("click", downloadImages);
document.addEventListener("keydown", onKey);
listenToTable(openFrom("images"));
listenToReview(openFrom("review"));
listenToImage(closeImage);
listenToPrinting();
showPart("summary");
