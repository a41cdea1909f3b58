"""What use comes to by a contract's signed prices and clauses: line after line, each rounded once.

Amounts are whole numbers everywhere: money in the smallest units of its asset, use in thousandths of a chip times
milliseconds, time in milliseconds since 1970 (UTC).
"""
import datetime

UNITS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}
METER = {"is": "chip-time"}
LAST = 1 << 127


def moment(text):
    """`2027-01-01`, or a date and a time that ends in `Z`."""
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=datetime.timezone.utc)
    return (when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(milliseconds=1)


def month(at, ahead=0):
    """The first moment of the month that a moment lies in, or of one after it."""
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=at)
    index = day.year * 12 + day.month - 1 + ahead
    return moment(f"{index // 12:04}-{index % 12 + 1:02}-01")


def scaled(text, per):
    """A number with a point, times `per`, exactly."""
    whole, _, fraction = text.partition(".")
    exact, left = divmod(int(whole + fraction) * per, 10 ** len(fraction))
    if left:
        raise ValueError(f"`{text}` is finer than can be counted")
    return exact


def rounded(exact, per, rule):
    whole, left = divmod(abs(exact), per)
    away = {"down": False, "up": left > 0, "half-even": 2 * left > per or (2 * left == per and whole % 2 == 1)}[rule]
    return (whole + away) * (-1 if exact < 0 else 1)


class Sheet:
    """One invoice's lines as they come about. `past` has what each clause came to on the invoices before."""

    def __init__(self, terms, period, past):
        self.terms, (self.start, self.end, self.over), self.past, self.lines = terms, period, past, []
        self.rule, self.asset = terms["rounding"]["is"], terms["guaranteed_price"]["money"]["asset"]
        self.clauses = [(at, clause.split(" ")) for at, clause in enumerate(terms.get("clauses", []), 1)]
        self.month = month(self.start)

    def sum(self):
        return sum(line["amount"]["units"] for line in self.lines)

    def add(self, kind, units, clause=None, use=None):
        line = {"kind": {"is": kind}, "amount": {"asset": self.asset, "units": units}}
        line |= {"clause": clause} if clause else {}
        self.lines.append(line | ({"used": [METER, use[0]], "price": use[1]} if use else {}))

    def money(self, text):
        return scaled(text, 10 ** self.asset["scale"])

    def price(self, number, unit):
        money = {"asset": self.asset, "units": self.money(number)}
        return {"money": money, "buys": [METER, UNITS[unit.split("/")[1].split("-")[1]]]}

    def charge(self, used, price):
        if price["buys"][0] != METER:
            raise ValueError("a price of another meter")
        return rounded(int(price["money"]["units"]) * used, int(price["buys"][1]), self.rule)

    def begun(self, words):
        """From when a clause counts, where it does in this month; without a date it always did."""
        since = moment(words[words.index("from") + 1]) if "from" in words else -LAST
        return since if since <= self.month else None

    def capacity(self, kind, used):
        """The price of each step that the use reaches, the latest that has begun; the first line always."""
        steps = {0: (-LAST - 1, None, self.terms[kind + "_price"])}
        for at, words in self.clauses:
            if words[0] == kind and (since := self.begun(words)) is not None:
                unit = UNITS[words[5].rstrip("s").split("-")[1]] if "beyond" in words else 0
                beyond = scaled(words[4], unit) if unit else 0
                if since >= steps.get(beyond, (-LAST - 1,))[0]:
                    steps[beyond] = (since, at, self.price(words[1], words[2]))
        ordered = sorted(steps.items())
        for (beyond, (_, clause, price)), until in zip(ordered, [step[0] for step in ordered[1:]] + [LAST]):
            part = max(min(used, until) - beyond, 0)
            if part or not beyond:
                self.add(kind, self.charge(part, price), clause, (part, price))

    def monthly(self, first, at_word):
        """Of fees or least amounts the one that began last, for the part of the month within the contract's dates."""
        found = [(self.begun(words), at, words[at_word]) for at, words in self.clauses if words[0] == first]
        found = [entry for entry in found if entry[0] is not None]
        if not found:
            return None, 0
        _, at, amount = max(found, key=lambda entry: entry[0])
        span = max(min(self.end, self.terms["ends"]) - max(self.start, self.terms["starts"]), 0)
        return at, rounded(self.money(amount) * span, month(self.month, 1) - self.month, self.rule)

    def look_back(self, owed):
        """Commitment, what the owner owes, credits, taxes and prepayments, in this order."""
        at, least = self.monthly("at", 2)
        if least > self.sum():
            self.add("commitment", least - self.sum(), at)
        for kind in ("undelivered", "late", "lent"):
            for at, words in self.clauses:
                if words[0] == kind:
                    price = self.price(words[1], words[2])
                    self.add(kind, -self.charge(owed.get(kind, 0), price), at, (owed.get(kind, 0), price))
        for at, words in self.clauses:
            if words[0] == "credit" and moment(words[4]) > self.month:
                spent = min(self.money(words[1]) + self.past.get(at, 0), self.sum())
                if spent > 0:
                    self.add("credit", -spent, at)
        taxed = self.sum()
        for at, words in self.clauses:
            if words[0] == "tax":
                self.add("tax", rounded(taxed * scaled(words[2], 10_000), 1_000_000, self.rule), at)
        for at, words in self.clauses:
            if words[0] == "prepay":
                self.prepay(at, words, self.sum())

    def prepay(self, at, words, owed):
        left, back = self.past.get(at, 0), 0
        if self.start <= moment(words[4]) < self.end:
            self.add("prepayment", self.money(words[1]), at)
            left += self.money(words[1])
        if self.over:
            back = left
        elif self.begun(words) is not None:
            back = min(left, self.money(words[6]), max(owed, 0))
        if back > 0:
            self.add("prepayment", -back, at)


def rate(terms, period, used, past):
    """Lines of an invoice: `period` is from, to and whether none follows; `used` is own, borrowed and what is owed."""
    sheet = Sheet(terms, period, past)
    sheet.capacity("guaranteed", used[0])
    sheet.capacity("borrowed", used[1])
    at, fee = sheet.monthly("fee", 1)
    if at:
        sheet.add("fee", fee, at)
    sheet.look_back(used[2])
    return sheet.lines
