// Where each ribbon and bar of the money picture lies, in units of its own: 400 wide, as tall as it needs.

import type { Flow } from "../wire/money";

const LEFT = 120;
const RIGHT = 280;
const TALL = 120;
const GAP = 10;
/** A label needs its line, also where the bar is thin. */
const LEAST = 4;

export interface Band {
  flow: Flow;
  path: string;
}

export interface Bar {
  side: "from" | "to";
  party: string;
  x: number;
  y: number;
  tall: number;
  text_x: number;
}

export function ribbons(flows: Flow[]): { bands: Band[]; bars: Bar[]; height: number } {
  const left = bars(flows, "from");
  const right = bars(flows, "to");
  const taken = new Map<Bar, number>();
  const take = (bar: Bar, thick: number): number => {
    const before = taken.get(bar) ?? 0;
    taken.set(bar, before + thick);
    return bar.y + before;
  };
  const bands = flows.map((flow) => {
    const thick = Math.max(flow.share * TALL, 0.5);
    const a = take(left.get(flow.from)!, thick);
    const b = take(right.get(flow.to)!, thick);
    return { flow, path: band(a, b, thick) };
  });
  const all = [...left.values(), ...right.values()];
  const height = Math.max(0, ...all.map(({ y, tall }) => y + tall)) + GAP;
  return { bands, bars: all, height };
}

function bars(flows: Flow[], side: "from" | "to"): Map<string, Bar> {
  const shares = new Map<string, number>();
  for (const flow of flows) {
    shares.set(flow[side], (shares.get(flow[side]) ?? 0) + flow.share);
  }
  const found = new Map<string, Bar>();
  let y = GAP;
  for (const [party, share] of shares) {
    const tall = Math.max(share * TALL, LEAST);
    const [x, text_x] = side === "from" ? [LEFT - 5, LEFT - 11] : [RIGHT, RIGHT + 11];
    found.set(party, { side, party, x, y, tall, text_x });
    y += tall + GAP;
  }
  return found;
}

function band(from: number, to: number, thick: number): string {
  const middle = (LEFT + RIGHT) / 2;
  const [a, b, c, d] = [from, to, to + thick, from + thick].map((y) => y.toFixed(1));
  return `M${LEFT} ${a}C${middle} ${a} ${middle} ${b} ${RIGHT} ${b}L${RIGHT} ${c}C${middle} ${c} ${middle} ${d} ${LEFT} ${d}Z`;
}
