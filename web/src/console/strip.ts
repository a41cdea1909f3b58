// Where things stand on the strip: instants become distances from its left end.

import type { Cell, Interval, Pool, Strip } from "../wire/console";

/** A tick is at least this far from the next, so that their times do not touch. */
const TICK_GAP_PX = 84;
/** What was held for a moment can still be seen. */
const BAR_MIN_PX = 2;
/** Between two bars, so that they are seen to be two. */
const GAP_PX = 1;
/** What makes two intervals the same holding. */
const HOLDER = ["organisation", "workload", "kind"] as const;
const STEPS_MS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600].map((s) => s * 1000);
const MINUTE_MS = 60_000;

/** An interval as a stretch of the strip, `x` to `x + width`. */
export interface Bar {
  x: number;
  width: number;
  interval: Interval;
}

export interface Tick {
  x: number;
  at_ms: number;
  step_ms: number;
}

/** All cells to show: those that are listed, and those that were held in the time shown. In the order of the pool. */
export function rows({ cells, strip }: Pool): Cell[] {
  const listed = new Map(cells.map((cell) => [cell.index, cell]));
  for (const { cell: index } of strip.intervals) {
    if (!listed.has(index)) {
      listed.set(index, { index, device: null, holding: null, failed: false });
    }
  }
  return [...listed.values()].sort((a, b) => a.index - b.index);
}

/** The bars of one cell, oldest first. */
export function bars(strip: Strip, cell: number, width_px: number): Bar[] {
  const from_ms = Date.parse(strip.from);
  const to_ms = Date.parse(strip.to);
  const place = (at_ms: number) => ((at_ms - from_ms) / Math.max(1, to_ms - from_ms)) * width_px;
  const seen = strip.intervals.filter((interval) => interval.cell === cell && isSeen(interval, from_ms));
  return joined(seen).map((interval) => {
    const start = Math.max(0, place(Date.parse(interval.from)));
    const end = interval.to === null ? width_px : Math.min(width_px, place(Date.parse(interval.to))) - GAP_PX;
    const x = Math.min(start, width_px - BAR_MIN_PX);
    return { x, width: Math.max(BAR_MIN_PX, end - x), interval };
  });
}

/** The intervals, oldest first. Where a lease went on with other cells beside it, this cell was held all along. */
function joined(intervals: Interval[]): Interval[] {
  const done: Interval[] = [];
  for (const next of intervals.toSorted((a, b) => Date.parse(a.from) - Date.parse(b.from))) {
    const last = done.at(-1);
    if (last?.to === next.from && HOLDER.every((part) => last[part] === next[part])) {
      done[done.length - 1] = { ...last, to: next.to };
    } else {
      done.push(next);
    }
  }
  return done;
}

/** Whether any of it lies on the strip. A cell that was taken and given back at one instant was held for no time. */
function isSeen(interval: Interval, from_ms: number): boolean {
  return interval.to === null || Date.parse(interval.to) > Math.max(from_ms, Date.parse(interval.from));
}

/** Round times of the reader's own clock, as many as fit. */
export function ticks(strip: Strip, width_px: number): Tick[] {
  const from_ms = Date.parse(strip.from);
  const to_ms = Date.parse(strip.to);
  const ms_per_px = (to_ms - from_ms) / Math.max(1, width_px);
  const step_ms = STEPS_MS.find((step) => step >= TICK_GAP_PX * ms_per_px) ?? STEPS_MS.at(-1) ?? MINUTE_MS;
  const zone_ms = new Date(to_ms).getTimezoneOffset() * MINUTE_MS;
  const first_ms = Math.ceil((from_ms - zone_ms) / step_ms) * step_ms + zone_ms;
  const count = Math.max(0, Math.floor((to_ms - first_ms) / step_ms) + 1);
  return Array.from({ length: count }, (_, index) => {
    const at_ms = first_ms + index * step_ms;
    return { x: (at_ms - from_ms) / ms_per_px, at_ms, step_ms };
  });
}
