// Where the names of points go, so that none lies on another or on a point.

const HIGH = 13, POINT = 6; // of 13 px text; a point's half side

// Around a point: of the text's baseline from the point, and which end of the text is there.
const PLACES = [[8, 4, "start"], [-8, 4, "end"], [0, -10, "middle"], [0, 19, "middle"], [6, -10, "start"], [6, 18, "start"],
  [-6, -10, "end"], [-6, 18, "end"]];

function boxOf(x, y, width, anchor) {
  const left = anchor === "start" ? x : anchor === "end" ? x - width : x - width / 2;
  return [left, y - HIGH + 1, left + width, y + 2];
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

// points: {px, py, text: "" for one without a name}; those before others first. within: [left, top, right, bottom].
// width: of a text. {x, y, anchor} of each, null where there is no free place.
export function placeLabels(points, within, width) {
  const taken = points.map(({ px, py }) => [px - POINT, py - POINT, px + POINT, py + POINT]);
  return points.map(({ px, py, text }, own) => {
    if (!text) return null;
    for (const [dx, dy, anchor] of PLACES) {
      const box = boxOf(px + dx, py + dy, width(text), anchor);
      const isWithin = box[0] >= within[0] && box[1] >= within[1] && box[2] <= within[2] && box[3] <= within[3];
      if (!isWithin || taken.some((other, i) => i !== own && overlap(box, other))) continue;
      taken.push(box);
      return { x: px + dx, y: py + dy, anchor };
    }
    return null;
  });
}
