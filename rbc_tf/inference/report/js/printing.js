// On paper: the summary and every listed image; or, where an image is open, that image.

function drawPrintedPictures() {
  const start = tablePage * ROWS_PER_PAGE;
  const page = sortedImages().slice(start, start + ROWS_PER_PAGE);
  byId("printed-pictures").replaceChildren(
    ...page.map((image) =>
      html(
        "figure",
        {},
        html(
          "figcaption",
          {},
          html("b", {}, image.name),
          ` \u00B7 ${counted(image.regions.length, "region")}`,
          ` \u00B7 ${image.abnormal} abnormal, ${shareText(image)}`,
        ),
        drawPicture(image, { names: true }),
      ),
    ),
  );
}

async function printReport() {
  if (byId("print-pictures").checked && openImage === null) {
    drawPrintedPictures();
    const waiting = Array.from(byId("printed-pictures").querySelectorAll("image"), (element) => {
      const picture = new Image();
      picture.src = element.getAttribute("href");
      return picture.decode().catch(() => {});
    });
    await Promise.all(waiting);
  }
  window.print();
}

function listenToPrinting() {
  byId("print").addEventListener("click", printReport);
  window.addEventListener("beforeprint", () => {
    drawTable(true);
    byId("printed-selection").textContent = `Listed: ${byId("status").textContent}`;
    if (openImage !== null) {
      byId("figure").replaceChildren(drawPicture(openImage, { names: true }));
    }
  });
  window.addEventListener("afterprint", () => {
    drawTable();
    byId("printed-pictures").replaceChildren();
    if (openImage !== null) {
      drawImage();
    }
  });
}
