// Times, shares and sizes as the reader writes them. Amounts of money and of use come from the server as text, because
// they are exact there and must not be rounded here.

import { language } from "./language.svelte";

const DAY_MS = 86_400_000;

/** The wall-clock time with seconds, and the day where it is not the day of `now`. */
export function time(instant: string, now: string): string {
  const at = new Date(instant);
  const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  const year: Intl.DateTimeFormatOptions = { year: "numeric" };
  const today = new Date(now);
  const isToday = at.toDateString() === today.toDateString();
  const isNear = Math.abs(at.getTime() - today.getTime()) < 180 * DAY_MS;
  const parts = isToday ? clock : isNear ? { ...clock, ...day } : { ...clock, ...day, ...year };
  return new Intl.DateTimeFormat(language.locale, parts).format(at);
}

/** The wall-clock time of a tick: seconds only where ticks are closer than a minute. */
export function tick(at_ms: number, step_ms: number): string {
  const parts: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (step_ms < 60_000) {
    parts.second = "2-digit";
  }
  return new Intl.DateTimeFormat(language.locale, parts).format(at_ms);
}

/** A length of time in its two largest units: `2 min 5 s`. */
export function length(length_ms: number): string {
  const seconds = Math.max(0, Math.round(length_ms / 1000));
  const units: [number, string][] = [
    [Math.floor(seconds / 86_400), "day"],
    [Math.floor(seconds / 3600) % 24, "hour"],
    [Math.floor(seconds / 60) % 60, "minute"],
    [seconds % 60, "second"],
  ];
  const first = units.findIndex(([count]) => count > 0);
  const shown = first === -1 ? units.slice(-1) : units.slice(first, first + 2).filter(([count]) => count > 0);
  const text = ([count, unit]: [number, string]) =>
    new Intl.NumberFormat(language.locale, { style: "unit", unit, unitDisplay: "narrow" }).format(count);
  return shown.map(text).join(" ");
}

/** Thousandths of a core as a share of one core. */
export function share(milli: number): string {
  const style = { style: "percent", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language.locale, style).format(milli / 1000);
}

/** A ratio. */
export function percent(ratio: number): string {
  const style = { style: "percent", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language.locale, style).format(ratio);
}

/** Bytes in megabytes. */
export function megabytes(bytes: number): string {
  const style = { style: "unit", unit: "megabyte", maximumFractionDigits: 0 } as const;
  return new Intl.NumberFormat(language.locale, style).format(bytes / 1_000_000);
}

/** A shape, a use or a price as the server wrote it, with its units in the reader's language. */
export function amount(text: string): string {
  return language.words.units.reduce((read, [unit, own]) => read.replaceAll(new RegExp(`\\b${unit}\\b`, "g"), own), text);
}

/** A plain count. */
export function count(value: number): string {
  return new Intl.NumberFormat(language.locale).format(value);
}
