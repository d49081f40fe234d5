"use strict";
// Draws the charts of a page with plotly.js, in the page's colours, as they come into sight.
window.dasHpo = (() => {
  // The colours of series, and what they become on a dark page.
  const DARK = [
    ["#0072B2", "#56A9E8"], ["#D55E00", "#F08A3C"], ["#009E73", "#2FC79A"], ["#CC79A7", "#E29BC3"],
    ["#9A7B00", "#CBA72C"], ["#7F7F7F", "#A6A6A6"],
  ];
  const darkMode = matchMedia("(prefers-color-scheme: dark)");

  function read(figure) {
    let text = figure.querySelector("script").textContent;
    if (darkMode.matches) DARK.forEach(([light, dark]) => { text = text.replaceAll(light, dark); });
    return JSON.parse(text);
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function layoutOf(given, narrow) {
    const [ink, soft, line, paper] = ["--ink", "--soft", "--line", "--paper"].map(colour);
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: soft, tickcolor: soft, automargin: true };
    const layout = {
      height: 380, margin: { l: 52, r: 14, t: 14, b: 46 }, uirevision: "kept", hovermode: "closest",
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { size: narrow ? 11 : 12 } },
      ...given,
      font: { color: ink, size: 13, family: 'system-ui, "DejaVu Sans", sans-serif' },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: paper, bordercolor: soft, font: { color: ink } },
      template: { layout: { xaxis: axis, yaxis: axis } },
    };
    delete layout.minwidth;
    layout.annotations = (given.annotations || []).map((one) => ({ ...one, bgcolor: paper }));
    return layout;
  }

  function selected(figure, event) {
    const shown = figure.querySelector(".selection") || figure.appendChild(document.createElement("p"));
    shown.className = "selection";
    shown.setAttribute("role", "status");
    shown.textContent = "";
    if (!event || !event.range || !event.range.x) return;
    const points = event.points.filter((point) => point.text);
    const names = points.slice(0, 12).map((point) => point.text).join("; ");
    shown.textContent = points.length ? `${points.length} selected: ${names}${points.length > 12 ? "; ..." : ""}. ` : "";
    figure.dispatchEvent(new CustomEvent("das-select", { bubbles: true, detail: { range: event.range, shown } }));
  }

  function draw(figure) {
    const holder = figure.querySelector(".chart");
    const chart = read(figure);
    const first = !holder.data;
    if (chart.layout.minwidth) holder.style.minWidth = `${chart.layout.minwidth}px`;
    const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "autoScale2d"] };
    window.Plotly.react(holder, chart.data, layoutOf(chart.layout, holder.clientWidth < 500), config);
    if (!first) return;
    holder.on("plotly_selected", (event) => selected(figure, event));
    holder.on("plotly_click", (event) => {
      const identity = event.points[0] && event.points[0].customdata;
      if (identity) figure.dispatchEvent(new CustomEvent("das-open", { bubbles: true, detail: identity }));
    });
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "800px" });

  const figures = (root) => [...root.querySelectorAll("figure")];
  const watch = (root) => figures(root).forEach((figure) => near.observe(figure));
  const drawAll = () => figures(document).forEach(draw);
  darkMode.addEventListener("change", () =>
    figures(document).filter((figure) => figure.querySelector(".chart").data).forEach(draw));
  addEventListener("beforeprint", drawAll);
  return { watch, draw, drawAll };
})();
