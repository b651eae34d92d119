// What makes a page hard to read or use, after WCAG 2.2 AA: 1.4.3 contrast of text, 1.4.10 reflow,
// 2.4.7 visible focus, 2.5.8 size of targets, 3.1.1 language, 4.1.2 names. One line for each.
() => {
  const found = [];
  const visible = (node) => node.getClientRects().length && getComputedStyle(node).visibility === "visible";
  const about = (node) => `${node.tagName.toLowerCase()}#${node.id} "${node.textContent.trim().slice(0, 30)}"`;

  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const contrast = (one, two) => {
    const [low, high] = [luminance(one), luminance(two)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !visible(node) || node.closest("#stage svg, script, style")) continue;
    const style = getComputedStyle(node), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const paint = node.closest("svg") ? style.fill : style.color;
    const ratio = contrast(numbers(paint), behind(node));
    if (ratio < (large ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)}: ${about(node)}`);
  }

  const controls = [...document.querySelectorAll("a, button, input, select, [tabindex]")].filter(visible);
  for (const node of controls) {
    if (!node.isConnected) continue; // drawn anew as the focus moved
    const named = node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent;
    if (!named.trim()) found.push(`no name: ${about(node)}`);
    if (node.tabIndex > 0) found.push(`out of order: ${about(node)}`);
    const area = node.getBoundingClientRect(), own = !node.closest("#stage") && !node.matches(".skip");
    const held = node.closest("label")?.getBoundingClientRect() ?? area;
    if (own && (Math.max(area.height, held.height) < 24 || Math.max(area.width, held.width) < 24)) found.push(`small: ${about(node)}`);
    if (node.disabled || node.closest("svg")) continue;
    node.focus({ focusVisible: true });
    const style = getComputedStyle(node);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) found.push(`focus cannot be seen: ${about(node)}`);
    else if (contrast(numbers(style.outlineColor), behind(node.parentElement)) < 3) found.push(`focus is pale: ${about(node)}`);
  }
  document.activeElement?.blur();

  const levels = [...document.querySelectorAll("h1, h2, h3")].filter(visible).map((h) => Number(h.tagName[1]));
  if (levels[0] !== 1 || levels.some((l, i) => l - (levels[i - 1] ?? 0) > 1)) found.push(`headings: ${levels}`);
  for (const node of document.querySelectorAll("canvas, video, svg, img")) {
    if (visible(node) && !node.getAttribute("aria-label") && node.getAttribute("aria-hidden") !== "true") found.push(`no words: ${about(node)}`);
  }
  if (!document.documentElement.lang) found.push("no language");
  if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  return found;
}
