"use strict";
// plotly.js lies in the page compressed, which makes it a third of its size.
(async () => {
  try {
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    window.dasHpo.watch(document);
  } catch {
    document.getElementById("no-charts").hidden = false;
  }
})();
