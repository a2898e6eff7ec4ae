/**
 * Bars as SVG, small enough to need no library.
 * @module
 */
import type { Bar } from "./report.ts";

const WIDTH = 760;
const LEFT = 230;
const RIGHT = 90;
const ROW = 26;
const TOP = 48;

/** A chart of horizontal bars; bars that begin late make it a timeline. */
export function barChart(
  title: string,
  unit: string,
  bars: readonly Bar[],
): string {
  const most = Math.max(
    1e-9,
    ...bars.map(({ from = 0, length }) => from + length),
  );
  const scale = (WIDTH - LEFT - RIGHT) / most;
  const rows = bars.map((bar, i) => {
    const y = TOP + i * ROW;
    const x = LEFT + (bar.from ?? 0) * scale;
    const width = Math.max(1, bar.length * scale);
    const value = bar.length >= 100
      ? bar.length.toFixed(0)
      : bar.length.toFixed(1);
    return `<text x="${LEFT - 10}" y="${y + 14}" text-anchor="end">${
      escaped(bar.label)
    }</text>` +
      `<rect x="${x.toFixed(1)}" y="${y}" width="${
        width.toFixed(1)
      }" height="18" rx="2" fill="${bar.marked ? "#b45309" : "#2563eb"}"/>` +
      `<text x="${(x + width + 6).toFixed(1)}" y="${y + 14}">${value}</text>`;
  });
  const height = TOP + bars.length * ROW + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `font-family="system-ui, sans-serif" font-size="13" fill="#111827" role="img">` +
    `<title>${escaped(title)}</title>` +
    `<rect width="100%" height="100%" fill="#ffffff"/>` +
    `<text x="16" y="28" font-size="16" font-weight="600">${escaped(title)}` +
    ` (${escaped(unit)})</text>${rows.join("")}</svg>\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(
    ">",
    "&gt;",
  );
}
