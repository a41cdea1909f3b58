"""Goes through the records of a contract's log and makes every invoice in it a second time."""
import datetime
import hashlib
import json
import zoneinfo

from rating import month, rate

BOOKS = {"undelivered": "undelivered", "credit": "credits", "tax": "taxes", "prepayment": "prepaid", "late": "late", "lent": "lent"}


class Wrong(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Wrong(why)


class Log:
    """Goes through the records of a contract's log, invoice by invoice."""

    def __init__(self, offer):
        self.id, self.terms, self.number, self.begins, self.billed, self.usage = offer["id"], offer["terms"], 1, None, {}, []
        self.windows = windows(self.terms)
        said = offer.get("expanded") and [(window["starts"], window["ends"]) for window in offer["expanded"]["windows"]]
        need(bool(offer.get("expanded")) == ("calendar" in self.terms), "the offer's windows and the terms do not fit")
        need(not said or said == self.windows, "the offer's windows are not those of the signed calendar")
        self.missing, self.counted_to, self.undelivered, self.past, self.said = 0, self.terms["starts"], 0, {}, ""
        self.owed = {}

    def follow(self, at, event):
        kind, of = event["is"], event.get("record", {}).get("contract") or event.get("invoice", {}).get("contract")
        need((of or event.get("id")) == self.id, "a record of another contract")
        if kind == "usage-recorded":
            self.usage.append(event["record"])
        elif kind == "capacity-late":
            late = int(event["chip_milli"]) * max(int(event["to"]) - int(event["from"]), 0)
            self.owed["late"] = self.owed.get("late", 0) + late
        elif kind == "capacity-lent":
            self.owed["lent"] = self.owed.get("lent", 0) + int(event["lent"][1])
        elif kind == "invoiced":
            self.invoiced(at, event["invoice"])
        else:
            need(kind in ("contract-impaired", "contract-healed", "contract-ended"), "a record of another kind")
            self.count(at)
            self.missing = event.get("missing_chips", 0) * event.get("chip_milli", 1_000)

    def count(self, to):
        open_ms = sum(max(min(to, ends) - max(self.counted_to, starts), 0) for starts, ends in self.windows)
        self.undelivered, self.counted_to = self.undelivered + self.missing * open_ms, to

    def invoiced(self, at, invoice):
        terms, start = self.terms, self.begins if self.begins is not None else min(self.terms["starts"], at)
        end = min(month(start, 1), at) if terms.get("clauses") else at
        need(not terms.get("clauses") or end == month(start, 1) or at >= terms["ends"],
             f"invoice {self.number} ends within a month and before the contract does")
        self.count(end)
        own = borrowed = 0
        for record in self.usage:
            lease, first, after = (record["workload"], record["epoch"]), int(record["from"]), int(record["to"])
            need(self.billed.get(lease, start) <= first <= after <= end,
                 "a moment is billed twice, or lies in another period")
            self.billed[lease] = after
            own += int(record["own_chip_milli"]) * (after - first)
            borrowed += int(record["borrowed_chip_milli"]) * (after - first)
        lines = rate(terms, (start, end, end < month(start, 1)), (own, borrowed, self.owed | {"undelivered": self.undelivered}),
                     self.past)
        asset, total = terms["guaranteed_price"]["money"]["asset"], sum(line["amount"]["units"] for line in lines)
        again = {"contract": self.id, "number": self.number, "owner": terms["owner"], "lab": terms["lab"], "from": start,
                 "to": end, "lines": lines, "total": {"asset": asset, "units": total}, "records": len(self.usage),
                 "transaction": {"postings": postings(terms, lines, total)}}
        again |= {"rate_card": rate_card(terms)} if "rate_card" in invoice else {}
        need(invoice == large(again), f"the invoice differs; recomputed: {json.dumps(large(again))}")
        for line in lines:
            self.past[line.get("clause")] = self.past.get(line.get("clause"), 0) + line["amount"]["units"]
        self.said = f"{self.id}/{self.number}: {total} of 10^-{asset['scale']} {asset['code']}, {len(self.usage)} records"
        self.usage, self.undelivered, self.owed, self.begins, self.number = [], 0, {}, end, self.number + 1


def windows(terms):
    """The signed calendar in moments: a time that the clock skips is as far after the change, one that comes twice its first."""
    if "calendar" not in terms:
        return [(terms["starts"], terms["ends"])]
    days, clock, place = terms["calendar"].split(" ")
    try:
        zone = zoneinfo.ZoneInfo(place)
    except zoneinfo.ZoneInfoNotFoundError:
        raise Wrong(f"no time-zone data for {place} here: install tzdata") from None
    week, found = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], []
    chosen = {"daily": week, "mon-fri": week[:5]}.get(days) or days.split(",")
    opens, closes = (60 * int(text[:2]) + int(text[3:]) for text in clock.split("-"))
    date = lambda at: datetime.datetime.fromtimestamp(at / 1000, zone).date()

    def moment(day, minute):
        clock = datetime.time(minute % 1440 // 60, minute % 60)
        return 1000 * int(datetime.datetime.combine(day + datetime.timedelta(minute // 1440), clock, zone).timestamp())

    day, last = date(terms["starts"]) - datetime.timedelta(1), date(terms["ends"])
    while day <= last:
        if week[day.weekday()] in chosen:
            starts, ends = moment(day, opens), moment(day, closes if closes > opens else closes + 1440)
            if found and starts <= found[-1][1]:
                starts, ends = found[-1][0], max(found.pop()[1], ends)
            found.append((starts, ends))
        day += datetime.timedelta(1)
    cut = [(max(starts, terms["starts"]), min(ends, terms["ends"])) for starts, ends in found]
    bound = terms["notice"] + terms["kill_grace"] + terms["hand_over"]
    return [(starts, ends) for starts, ends in cut if starts + bound < ends]


def rate_card(terms):
    """The name of prices and clauses: the same for the same ones."""
    card = {name: terms[name] for name in ("borrowed_price", "clauses", "guaranteed_price", "rounding") if name in terms}
    text = json.dumps(card, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"sinew/rate-card/v1\n" + text.encode()).hexdigest()


def postings(terms, lines, total):
    """What the lab owes, against the accounts of what it owes it for."""
    books = {"earnings": 0}
    for line in lines:
        kind = BOOKS.get(line["kind"]["is"], "earnings")
        books[kind] = books.get(kind, 0) - line["amount"]["units"]
    money = lambda units: {"asset": terms["guaranteed_price"]["money"]["asset"], "units": units}
    account = lambda kind: {"kind": {"is": kind}, "of": terms["owner"], "with": terms["lab"]}
    order = ["earnings", *BOOKS.values()]
    ordered = [("receivable", total)] + sorted(books.items(), key=lambda book: order.index(book[0]))
    return [{"account": account(kind), "money": money(units)} for kind, units in ordered]


def large(value):
    """Numbers beyond 2^53 are written as text."""
    if isinstance(value, dict):
        return {key: large(item) for key, item in value.items()}
    if isinstance(value, list):
        return [large(item) for item in value]
    return str(value) if isinstance(value, int) and abs(value) >= 1 << 53 else value
