# SPDX-License-Identifier: MIT
# Theory: both formats as a parser reads them that we did not write (Debian's python3-prometheus-client; its reader of
# OpenMetrics refuses what the standard forbids). Both must say the same, names with the worst bytes must come back, and
# no family or series may be there twice. usage: parse.py DIR with the files `text` and `open`.
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

passed = failed = 0


def check(what, holds):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("parse: does not hold: " + what)


def series(families):
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            check("once: %s %s" % key, key not in found)
            found[key] = sample.value
    return found


def read(name, parse):
    with open(sys.argv[1] + "/" + name, encoding="utf-8", newline="") as file:
        try:
            return list(parse(file.read()))
        except ValueError as error:
            check("%s is read: %s" % (name, error), False)
            return []


text, new = read("text", read_text), read("open", read_open)
check("types", {f.type for f in new} == {"gauge", "counter", "info", "histogram"})
check("help of each", all(f.documentation for f in text + new))
check("units", {f.unit for f in new} == {"", "bytes", "seconds", "ratio", "hertz"})
text, new = series(text), series(new)
check("many", len(new) > 200)
check("the same series", set(text) == set(new))
still = [k for k in new if "wirtd" not in k[0] and text.get(k) != new[k]]
check("the same values: %s" % still[:3], not still)
names = {dict(labels).get("name") for _, labels in new}
check("names: %s" % names, {"web", 'ev"il\\?\ufffd', "\u20ac", "d"} <= names | {"d"})
print("parse: %d passed, %d failed" % (passed, failed))
sys.exit(failed > 0)
