// Downloads of what the filters let through. Regions have the columns of the run's regions.csv,
// images those of its images.csv without the group, and how many of the regions are let through.

// As core/csv_text.py: a spreadsheet must take no name for a formula.
function csvCell(value) {
  let text = String(value ?? "");
  if (typeof value === "string" && /^'*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]/.test(text)) {
    text = `'${text}`;
  }
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function download(name, rows) {
  const text = rows.map((row) => `${row.map(csvCell).join(",")}\n`);
  const link = html("a", { download: name });
  link.href = URL.createObjectURL(new Blob(text, { type: "text/csv;charset=utf-8" }));
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function regionRow(region) {
  return [
    region.image.name,
    region.number,
    region.ymin,
    region.xmin,
    region.ymax,
    region.xmax,
    region.score,
    ...region.probabilities,
    region.labels.map((type) => typeNames[type]).join(";"),
    region.abnormalProbability,
    Number(region.abnormal),
    region.atBorder,
  ];
}

function downloadRegions() {
  const header = ["image", "region", "ymin", "xmin", "ymax", "xmax", "score"];
  header.push(...typeNames.map((name) => `p_${name}`), "labels", "abnormal_probability");
  header.push("abnormal", "at_border");
  download("regions_filtered.csv", [header, ...selectedRegions().map(regionRow)]);
}

function imageRow(image) {
  const [low, high] = image.interval ?? ["", ""];
  return [
    image.name,
    image.height,
    image.width,
    image.regions.length,
    shownRegions(image).length,
    image.abnormal,
    image.share,
    low,
    high,
    ...image.counts,
    image.scale,
    image.gain,
    image.warnings.map(([what]) => what).join(";"),
  ];
}

function downloadImages() {
  const header = ["image", "height", "width", "num_regions", "num_regions_shown"];
  header.push("num_abnormal_regions", "abnormal_region_share", "share_low_95", "share_high_95");
  header.push(...typeNames.map((name) => `num_${name}`), "scale", "gain", "warned_of");
  download("images_filtered.csv", [header, ...selection.images.map(imageRow)]);
}
