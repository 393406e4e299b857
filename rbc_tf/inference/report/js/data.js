// The run, its images and their regions, as rbc_tf/report/html/image_data.py wrote them.

const run = JSON.parse(byId("run").textContent);
const typeNames = run.types.map((type) => type.name);

function readRegion(image, values, index) {
  const [box, score, abnormalProbability, abnormal, labels, probabilities, ...others] = values;
  const [margin, nearest, atBorder] = others;
  const [ymin, xmin, ymax, xmax] = box;
  return {
    image,
    number: index + 1,
    ymin,
    xmin,
    ymax,
    xmax,
    score,
    abnormalProbability,
    abnormal: abnormal === 1,
    labels,
    probabilities,
    margin,
    nearest,
    atBorder,
  };
}

function readImage(element, index) {
  const image = JSON.parse(element.textContent);
  element.remove();
  image.index = index;
  image.regions = image.regions.map((values, row) => readRegion(image, values, row));
  return image;
}

const images = Array.from(document.querySelectorAll("script.image-data"), readImage);

const labelText = (region) => region.labels.map((type) => typeNames[type]).join("+") || "no type";

// The URL of an image's picture, decoded when it is first asked for; null where there is none.
function pictureUrl(image) {
  if (image.url === undefined) {
    const holder = byId(`picture-${image.index}`);
    image.url = null;
    if (holder) {
      const bytes = Uint8Array.from(atob(holder.textContent), (letter) => letter.charCodeAt(0));
      image.url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
      holder.remove();
    }
  }
  return image.url;
}

// How near a region comes to the threshold of a type, of abnormality, or ("") of any type.
function marginOf(region, of) {
  if (of === "") {
    return region.margin;
  }
  return of === "abnormality"
    ? Math.abs(region.abnormalProbability - run.abnormalThreshold)
    : Math.abs(region.probabilities[of] - run.thresholds[of]);
}
