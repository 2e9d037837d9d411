# SPDX-License-Identifier: MIT
# Theory: the dashboard for Grafana, held against Prometheus itself (Debian's): it scrapes what wirtd serves, from the
# file that the ring of metrics leaves, with each counter a little higher each time. Every expression of the dashboard
# must have an answer there, with the labels that its legend names, and rates that are numbers; the queries of the guide
# too. The rest of the file is held against what Grafana wants of a dashboard. usage: dashboard.py FILE DASHBOARD GUIDE
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

text, board, guide = open(sys.argv[1]).read(), json.load(open(sys.argv[2])), open(sys.argv[3]).read()
passed = failed = 0


def check(what, holds):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("dashboard: does not hold: " + what)


# What is served: counters grow by a tenth of themselves and one each time.
counters = set(re.findall(r"^# TYPE (\S+) (?:counter|histogram)$", text, re.M))
scrapes = 0


def grown(line):
    name = re.match(r"[a-z_]+", line)
    if not name or re.sub(r"_(bucket|sum|count)$", "", name[0]) not in counters and name[0] not in counters:
        return line
    start, value = line.rsplit(" ", 1)
    return "%s %.9f" % (start, float(value) * (1 + scrapes / 10) + scrapes)


class Served(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global scrapes
        scrapes += 1
        body = "\n".join(map(grown, text.split("\n"))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def structure():
    ids, ours = [], {"type": "prometheus", "uid": "${datasource}"}
    for p in board["panels"]:
        ids.append(p["id"])
        place = p["gridPos"]
        check("panel %s is on the grid" % p["title"], place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0)
        if p["type"] == "row":
            continue
        check("panel %s is of a type of Grafana's own" % p["title"], p["type"] in ("timeseries", "stat"))
        check("panel %s asks the source that is chosen" % p["title"], p["datasource"] == ours)
        letters = [t["refId"] for t in p["targets"]]
        check("panel %s: queries have letters" % p["title"], letters and len(letters) == len(set(letters)))
        check("panel %s has a unit" % p["title"], p["fieldConfig"]["defaults"].get("unit"))
    check("panels have numbers", len(ids) == len(set(ids)))
    for a in board["panels"]:
        for b in board["panels"]:
            x, y = a["gridPos"], b["gridPos"]
            check("%s and %s lie on each other" % (a["title"], b["title"]),
                  a is b or x["x"] + x["w"] <= y["x"] or y["x"] + y["w"] <= x["x"] or x["y"] + x["h"] <= y["y"] or
                  y["y"] + y["h"] <= x["y"])
    check("variables", [v["name"] for v in board["templating"]["list"]] == ["datasource", "domain"])
    check("it can be imported", board["uid"] and board["title"] and board["schemaVersion"] >= 36)


def ask(port, path, **words):
    url = "http://127.0.0.1:%d/api/v1/%s?%s" % (port, path, urllib.parse.urlencode(words))
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as e:
        print("dashboard: %s: %s" % (words, e.read().decode()))
        return None


def query(port, expression, legend):
    plain = expression.replace("$__rate_interval", "1m").replace("$domain", ".*")
    answer = ask(port, "query", query=plain)
    found = answer["result"] if answer else []
    check("%s: has an answer" % expression, found)
    for label in re.findall(r"{{(\w+)}}", legend):
        check("%s: each line has the label %s" % (expression, label), all(label in r["metric"] for r in found))
    # What divides nothing by nothing is not a number, and nothing else.
    numbers = [float(r["value"][1]) for r in found]
    check("%s: is a number" % expression, any(n == n for n in numbers))
    if "rate(" in plain and not plain.startswith("1 -"):
        check("%s: grows" % expression, any(n > 0 for n in numbers))


structure()
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served)
threading.Thread(target=web.serve_forever, daemon=True).start()
port = http.server.HTTPServer(("127.0.0.1", 0), Served)
free = port.server_address[1]
port.server_close()
with tempfile.TemporaryDirectory() as work:
    with open(work + "/prometheus.yml", "w") as f:
        f.write("global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: wirt\n    static_configs:\n"
                "      - targets: ['127.0.0.1:%d']\n" % web.server_address[1])
    log = open(work + "/log", "w")
    server = subprocess.Popen(["prometheus", "--config.file=" + work + "/prometheus.yml", "--storage.tsdb.path=" + work,
                               "--web.listen-address=127.0.0.1:%d" % free], stdout=log, stderr=log)
    try:
        for _ in range(120):
            time.sleep(1)
            if scrapes >= 6 or server.poll() is not None:
                break
        check("Prometheus scrapes: " + open(work + "/log").read()[-400:], scrapes >= 6)
        state = ask(free, "targets")["activeTargets"][0]
        check("it takes all of it: " + state["lastError"], state["health"] == "up" and not state["lastError"])
        for p in board["panels"]:
            for t in p.get("targets", []):
                query(free, t["expr"], t.get("legendFormat", ""))
        for row in re.findall(r"^\| [^|]+ \| `(.+)` \|$", guide.split("## Questions to ask it")[1], re.M):
            query(free, row, "") if " > " not in row else check(row + ": is understood", ask(free, "query", query=row))
        names = ask(free, "label/name/values", **{"match[]": "wirt_domain_info"})
        check("domains to choose from", names and "Domain-0" in names)
    finally:
        server.terminate()
        server.wait()
print("dashboard: %d passed, %d failed" % (passed, failed))
sys.exit(failed > 0)
