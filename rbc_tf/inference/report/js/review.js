// Regions by doubt, cut from their pictures by the browser: first those of which no type is above
// its threshold, then the closest to one.

const CARDS_PER_PAGE = 60;
let reviewPage = 0;

const reviewOf = () => {
  const { value } = byId("review-of");
  return value === "" || value === "abnormality" ? value : Number(value);
};

function buildReviewChoice() {
  const choices = [["", "any type"], ["abnormality", "abnormality"], ...typeNames.map((n, t) => [t, n])];
  byId("review-of").append(...choices.map(([value, text]) => html("option", { value }, text)));
}

// Pictures are decoded when their card comes into view.
const cardObserver = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && target.children.length === 1) {
        cardObserver.unobserve(target);
        target.prepend(cutOut(target.region, true));
      }
    }
  },
  { rootMargin: "300px" },
);

function drawCard(region, of) {
  const [name, probability, threshold] =
    of === "abnormality"
      ? ["abnormal", region.abnormalProbability, run.abnormalThreshold]
      : ((type) => [typeNames[type], region.probabilities[type], run.thresholds[type]])(
          of === "" ? region.nearest : of,
        );
  const card = html(
    "button",
    { type: "button", class: "card" },
    html(
      "span",
      { class: "caption" },
      html("b", {}, labelText(region)),
      mark(region.abnormal),
      html("span", { class: "near" }, `${name} ${probability.toFixed(3)}`),
      html("span", { class: "near" }, `threshold ${threshold.toFixed(3)}`),
      html(
        "span",
        { class: "where", title: region.image.name },
        `#${region.number} ${region.image.name}`,
      ),
    ),
  );
  card.region = region;
  cardObserver.observe(card);
  return html("div", { role: "listitem" }, card);
}

function drawReview() {
  const of = reviewOf();
  const regions = selectedRegions().sort((a, b) => marginOf(a, of) - marginOf(b, of));
  const pages = Math.max(1, Math.ceil(regions.length / CARDS_PER_PAGE));
  reviewPage = Math.min(reviewPage, pages - 1);
  const start = reviewPage * CARDS_PER_PAGE;
  cardObserver.disconnect();
  byId("review-cards").replaceChildren(
    ...regions.slice(start, start + CARDS_PER_PAGE).map((region) => drawCard(region, of)),
  );
  if (regions.length === 0) {
    byId("review-cards").append(html("p", {}, "No region passes the filters."));
  }
  drawPager(byId("review-pager"), reviewPage, pages, (target) => {
    reviewPage = target;
    drawReview();
    byId("main").scrollTop = 0;
  });
}

function listenToReview(open) {
  byId("review-of").addEventListener("change", () => {
    reviewPage = 0;
    drawReview();
  });
  byId("review-cards").addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (card) {
      open(card.region.image, card.region);
    }
  });
}
