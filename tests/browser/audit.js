(() => {
  const problems = [];
  const counts = { texts: 0, charts: 0, labels: 0, tables: 0 };
  const problem = (text) => problems.push(text);
  const excerpt = (text) => JSON.stringify(text.trim().replace(/\s+/g, " ").slice(0, 60));

  // The document.
  if (!document.title.trim()) problem("no title");
  if (!document.documentElement.lang) problem("no language");
  if (document.querySelectorAll("h1").length !== 1) problem("not one h1");
  if (document.querySelectorAll("main").length !== 1) problem("not one main");
  for (const landmark of ["header", "footer"]) if (!document.querySelector(landmark)) problem(`no ${landmark}`);
  if (document.querySelector("script, iframe, object, embed, link[rel=stylesheet]")) problem("a script or a part from elsewhere");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) problem("an id twice");
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) problem(`heading ${excerpt(heading.textContent)} skips a level`);
    level = own;
  }
  for (const element of document.querySelectorAll("[aria-labelledby]")) {
    for (const id of element.getAttribute("aria-labelledby").split(" ")) {
      const label = document.getElementById(id);
      if (!label || !label.textContent.trim()) problem(`${element.tagName} is labelled by ${id}, which says nothing`);
    }
  }

  // The width. What scrolls within itself is no wider for the document.
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const wide = [...document.querySelectorAll("body *")].find(
      (element) => element.getBoundingClientRect().right > width + 1 && !element.closest(".scroll"));
    problem(`the document is ${document.documentElement.scrollWidth} wide of ${width}: ${wide && wide.outerHTML.slice(0, 120)}`);
  }
  if (width < 500) {
    for (const scroll of document.querySelectorAll(".scroll")) {
      if (scroll.scrollWidth > scroll.clientWidth + 1) problem(`a table wider than the phone: ${excerpt(scroll.textContent)}`);
    }
  }

  const isShown = (element) => {
    const box = element.getBoundingClientRect();
    return element.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true })
      && box.width > 0 && box.height > 0;
  };

  // Contrast, as WCAG reckons it.
  const parse = (colour) => {
    const parts = colour.match(/[\d.]+/g).map(Number);
    return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
  };
  const over = (top, alpha, below) => top.map((channel, index) => channel * alpha + below[index] * (1 - alpha));
  const luminance = (rgb) => {
    const [red, green, blue] = rgb.map((channel) => {
      const value = channel / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const canvas = matchMedia("(prefers-color-scheme: dark)").matches && !matchMedia("print").matches ? [18, 18, 18] : [255, 255, 255];
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const { rgb, alpha } = parse(getComputedStyle(at).backgroundColor);
      if (alpha > 0) layers.push({ rgb, alpha });
      if (alpha === 1) break;
    }
    return layers.reverse().reduce((below, { rgb, alpha }) => over(rgb, alpha, below), canvas);
  };
  const check = (element, colour, size, weight, text) => {
    counts.texts += 1;
    const below = ground(element);
    const { rgb, alpha } = parse(colour);
    const [one, other] = [luminance(over(rgb, alpha, below)) + 0.05, luminance(below) + 0.05];
    const contrast = Math.max(one, other) / Math.min(one, other);
    const least = size >= 24 || (size >= 18.66 && weight >= 700) ? 3 : 4.5;
    if (contrast < least) problem(`contrast ${contrast.toFixed(2)} of ${excerpt(text)}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const checked = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || checked.has(element) || ["STYLE", "title", "desc"].includes(element.tagName)) continue;
    checked.add(element);
    if (!isShown(element)) continue;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    check(element, colour, parseFloat(style.fontSize), Number(style.fontWeight), texts.currentNode.data);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    const style = getComputedStyle(element, "::before");
    if (!["none", "normal", "\"\""].includes(style.content) && isShown(element)) {
      check(element, style.color, parseFloat(style.fontSize), Number(style.fontWeight), style.content);
    }
  }

  // Images and charts.
  for (const image of document.querySelectorAll("img")) if (!image.alt.trim()) problem(`an image without a name`);
  for (const chart of document.querySelectorAll("svg")) {
    const named = (chart.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id));
    if (chart.getAttribute("role") !== "img" || named.length < 2 || named.some((label) => !label)) problem("a chart without a name");
    if (!isShown(chart)) continue;
    counts.charts += 1;
    const sheet = chart.getBoundingClientRect();
    const labels = [...chart.querySelectorAll("text")].map((label) => ({ text: label.textContent, box: label.getBoundingClientRect() }));
    if (!labels.length) problem("a chart without a label");
    counts.labels += labels.length;
    labels.forEach(({ text, box }, index) => {
      if (box.left < sheet.left - 1 || box.right > sheet.right + 1 || box.top < sheet.top - 1 || box.bottom > sheet.bottom + 1) {
        problem(`label ${excerpt(text)} is cut off`);
      }
      for (const other of labels.slice(index + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        if (across > 1 && down > 1) problem(`labels ${excerpt(text)} and ${excerpt(other.text)} overlap`);
      }
    });
    const holder = chart.closest("section");
    if (!holder || !holder.querySelector("table")) problem("a chart without a table");
  }
  for (const figure of document.querySelectorAll("figure")) {
    if (![...figure.querySelectorAll("svg")].some(isShown)) problem("a figure without a chart to see");
  }

  // Tables.
  for (const table of document.querySelectorAll("table")) {
    counts.tables += 1;
    if (!table.caption || !table.caption.textContent.trim()) problem("a table without a caption");
    if (table.querySelector("th:not([scope])")) problem("a heading without a scope");
    const heads = table.querySelectorAll("thead th").length;
    if (!heads) problem("a table without headings");
    for (const row of table.querySelectorAll("tbody tr")) if (row.children.length !== heads) problem("a row of another length");
  }

  const links = [...document.querySelectorAll("a[href]")].map((link) => link.getAttribute("href"));
  const outside = links.filter((link) => /^[a-z]+:|^\/\//i.test(link));
  outside.forEach((link) => problem(`a link off the page: ${link}`));
  return { problems, counts, links: links.filter((link) => !link.startsWith("#") && !outside.includes(link)) };
})()
