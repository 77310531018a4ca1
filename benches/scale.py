#!/usr/bin/env python3
"""How Latchkey scales, on paper: benches/scale.py prints the tables of docs/scale.md.

benches/scale.py --write   writes them into the page
benches/scale.py --check   fails if the page has others, or if a simulation contradicts the formulas

All inputs are in benches/scale.json.
"""

import json
import math
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs/scale.md"
INPUTS = json.loads((HERE / "scale.json").read_text(encoding="utf-8"))
SECONDS_A_MONTH = 30 * 24 * 3600
# How far the simulation may be from a formula, as a share of it.
TOLERANCE = 0.1


def entries(section):
    """A section of the inputs, without its source."""
    return {name: value for name, value in INPUTS[section].items() if name != "source"}


STEPS, KEYS, FUNCTIONS = entries("steps"), entries("keys"), entries("functions")
PEOPLE, LIMITS, PRICES = INPUTS["people"], entries("limits"), INPUTS["prices"]
REQUESTS = PEOPLE["requests_a_month"]
# The requests that a person can make within a second, one after the other.
FLOWS = [("otp-send", "otp-verify"), ("me-get", "auth-refresh")]


def check_inputs():
    """The writes by class of keys are those of the steps, which tests assert."""
    for step, units in STEPS.items():
        written = sum(key["writes"].get(step, 0) for key in KEYS.values())
        assert written == units["writes"], f"{step} writes {units['writes']}, its keys {written}"


def peak_rates(people):
    """Requests a second in the busiest hour, by step."""
    times = PEOPLE["busiest_hour_times_mean"]
    return {step: people * count * times / SECONDS_A_MONTH for step, count in REQUESTS.items()}


def writes(key, rates):
    """Writes a second to the keys of a class."""
    return sum(rates[step] * count for step, count in key["writes"].items())


def most_of(mean, draws):
    """The most that some of so many draws of a Poisson distribution reaches: the least number that
    is expected to be exceeded by less than half a draw."""
    probability, below, number = math.exp(-mean), 0.0, 0
    if probability == 0.0:  # Too large for this sum: the normal distribution is near enough.
        return mean + math.sqrt(2 * math.log(draws) * mean)
    while True:
        below += probability
        if (1 - below) * draws < 0.5 or probability == 0.0:
            return number
        number += 1
        probability *= mean / number


def hottest(key, rates, people):
    """Writes in the busiest second of the busiest hour to the busiest key of a class. A person's
    own keys are written by the requests that the person makes in that second."""
    if key.get("people") == 1:
        return max(sum(key["writes"].get(step, 0) for step in flow) for flow in FLOWS)
    keys = key.get("spread") or people / key["people"]
    return most_of(writes(key, rates) / keys, keys * 3600)


def busy(rates):
    """Instances that are busy at a time, by step: Little's law."""
    return {step: rate * FUNCTIONS[step]["milliseconds"] / 1000 for step, rate in rates.items()}


def tiered(amount, tiers):
    """The price of an amount, of which each tier has its own."""
    price, left = 0.0, amount
    for size, each in tiers:
        part = left if size is None else min(left, size)
        price, left = price + part * each, left - part
    return price


def gb_seconds(people):
    """The GB-seconds of a month."""
    total = 0.0
    for step, count in REQUESTS.items():
        function = FUNCTIONS[step]
        total += count * function["memory_mb"] / 1024 * function["milliseconds"] / 1000
    return people * total


def dollars(people):
    """What a month costs in USD, without texts, by service."""
    million = {step: people * count / 1e6 for step, count in REQUESTS.items()}
    requests = sum(million.values())
    units = [
        sum(million[step] * STEPS[step][kind] * PRICES[f"million_{kind}"] for step in million)
        for kind in ("writes", "reads")
    ]
    return {
        "DynamoDB": sum(units),
        "API Gateway": tiered(requests, PRICES["million_requests"]),
        "Lambda": requests * PRICES["million_invocations"]
        + tiered(gb_seconds(people), PRICES["gb_second"]["arm64"]),
        "logs": sum(million[step] * PRICES["log_kb"][step] for step in million)
        * PRICES["gb_of_logs"],
    }


def needs():
    """What one person of the month needs of the limits in the busiest hour, by name."""
    rates, outage = peak_rates(1), PEOPLE["seconds_after_an_outage"]
    return {
        "dollars for texts": PRICES["text"] * REQUESTS["otp-send"],
        "texts": rates["otp-send"],
        "requests to the busiest route": max(rates.values()),
        "requests": sum(rates.values()),
        "instances": sum(busy(rates).values()),
        "writes": sum(writes(key, rates) for key in KEYS.values()),
        # Everyone's token has expired meanwhile.
        "requests after an outage": 1 / outage,
        "new instances after an outage": FUNCTIONS["auth-refresh"]["milliseconds"] / 1000 / outage,
    }


def rounded(number):
    """A number with two significant digits, or three from 100 on."""
    if isinstance(number, int) and number < 100:
        return str(number)
    digits = (2 if number >= 100 else 1) - math.floor(math.log10(number))
    return f"{round(number, digits):,.{max(0, digits)}f}"


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def table(heads, rows):
    return "\n".join([row(*heads), "|---|" + "---:|" * (len(heads) - 1), *rows])


def load_table():
    sizes = PEOPLE["monthly"]
    rates = [peak_rates(people) for people in sizes]

    def line(name, figure):
        return row(name, *(rounded(figure(rate, people)) for rate, people in zip(rates, sizes)))

    rows = [line(f"`{step}`, requests a second", lambda rate, _: rate[step]) for step in STEPS]
    for name, key in KEYS.items():
        rows.append(line(f"writes a second: {name}", lambda rate, _: writes(key, rate)))
    for name, key in KEYS.items():
        most = f"most to one key in a second: {name}"
        rows.append(line(most, lambda rate, people: hottest(key, rate, people)))
    rows += [line(f"instances busy: `{step}`", lambda rate, _: busy(rate)[step]) for step in STEPS]
    return table(["people a month", *(f"{people:,}" for people in sizes)], rows)


def dollar_table():
    sizes = PEOPLE["monthly"]
    bills = [dollars(people) for people in sizes]
    rows = [row(name, *(rounded(bill[name]) for bill in bills)) for name in bills[0]]
    rows.append(row("**together**", *(f"**{rounded(sum(bill.values()))}**" for bill in bills)))
    texts = REQUESTS["otp-send"] * PRICES["text"]
    rows.append(row("texts, to the United States", *(rounded(people * texts) for people in sizes)))
    return table(["USD a month, people", *(f"{people:,}" for people in sizes)], rows)


def limit_table():
    needed, rows = needs(), []
    for name, limit in LIMITS.items():
        people = limit["limit"] / needed[limit["needs"]]
        heading = f"[{name}]({limit['source']})"
        rows.append((people, row(heading, f"{limit['limit']:,}", rounded(people), limit["at_it"])))
    heads = row("limit", "default", "reached by people a month", "at it")
    return "\n".join([heads, "|---|---:|---:|---|", *(text for _, text in sorted(rows))])


BLOCKS = {"load": load_table, "dollars": dollar_table, "limits": limit_table}


def page_with(text):
    """The page with the tables of now, each between its two comments."""
    for name, make in BLOCKS.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"the page has no place for the table {name}"
        text = f"{before}{begin}\n{make()}\n\n{end}{after}"
    return text


def day_of_sign_ins(people, chance):
    """Lets a day's sign-ins arrive at random, each by a random person. Returns the most writes of a
    second to a key, by class."""
    hour_share = PEOPLE["busiest_hour_times_mean"] / 24
    counts = {}
    for _ in range(round(people * REQUESTS["otp-send"] / 30)):
        hour = 0 if chance.random() < hour_share else chance.randrange(1, 24)
        second, person = hour * 3600 + chance.randrange(3600), chance.randrange(people)
        for name, key in KEYS.items():
            spread = key.get("spread")
            which = chance.randrange(spread) if spread else person // key["people"]
            for step in FLOWS[0]:
                slot = (name, which, second)
                counts[slot] = counts.get(slot, 0) + key["writes"].get(step, 0)
    most = dict.fromkeys(KEYS, 0)
    for (name, _, _), count in counts.items():
        most[name] = max(most[name], count)
    return most


def instances_at_a_time(step, people, chance):
    """Lets a minute's requests of the busiest hour arrive at random, which take random times, and
    counts the instances that are busy. Returns their mean and their most."""
    rate, mean_seconds = peak_rates(people)[step], FUNCTIONS[step]["milliseconds"] / 1000
    changes, now, total = [], 0.0, 0.0
    while now < 60:
        takes = chance.expovariate(1 / mean_seconds)
        changes += [(now, 1), (now + takes, -1)]
        total += takes
        now += chance.expovariate(rate)
    running, most = 0, 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return total / 60, most


def check_simulation():
    """The simulation agrees with the formulas."""
    chance, people = random.Random(1), 10_000_000
    most = day_of_sign_ins(people, chance)
    rates = {**peak_rates(people), "auth-refresh": 0}
    for name, key in KEYS.items():
        expected = hottest(key, rates, people)
        print(f"{name}: {most[name]} writes to a key in a second, {expected} by the formula")
        assert abs(most[name] - expected) <= max(2, expected / 4), name
    people = PEOPLE["monthly"][-1]
    for step, expected in busy(peak_rates(people)).items():
        mean, most = instances_at_a_time(step, people, chance)
        print(f"{step}: {mean:.1f} instances busy, at most {most}; {expected:.1f} by the formula")
        assert abs(mean - expected) <= TOLERANCE * expected, step


def main(arguments):
    check_inputs()
    if arguments == ["--write"]:
        PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    elif arguments == ["--check"]:
        text = PAGE.read_text(encoding="utf-8")
        if page_with(text) != text:
            sys.exit("docs/scale.md has other tables than its inputs: run benches/scale.py --write")
        check_simulation()
    elif not arguments:
        for make in BLOCKS.values():
            print(make(), end="\n\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
