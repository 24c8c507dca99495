"""Do the tests of the alerts notice what is wrong with them? Breaks each alert in turn, and fails where the tests pass.

Broken are: the time that it waits (none, five hours), and its threshold (never reached, always).
"""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

RULES = pathlib.Path(__file__).resolve().parents[2] / "deploy/prometheus"
THRESHOLD = re.compile(r"([<>]|==) ([\d.]+)\n")


def breakages_of(alert):
    """(what is broken, the alert's text with it) of one alert."""
    if "        for: " in alert:
        yield "waits for nothing", re.sub(r"        for: .*\n", "", alert)
        yield "waits for five hours", re.sub(r"for: \w+", "for: 5h", alert)
    else:
        yield "waits for five hours", alert.replace("        labels: ", "        for: 5h\n        labels: ")
    if threshold := THRESHOLD.search(alert):
        sign, limit = threshold.groups()
        before, after = alert[:threshold.start()], alert[threshold.end():]
        yield "never fires", f"{before}{sign} {float(limit) * 3 + 1000}\n{after}"
        yield "always fires", f"{before}>= -1\n{after}"


def notices(rules):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(RULES / "alerts_test.yml", folder)
        (pathlib.Path(folder) / "alerts.yml").write_text(rules, encoding="utf-8")
        tests = subprocess.run(["promtool", "test", "rules", "alerts_test.yml"], cwd=folder, capture_output=True,
                               check=False)
    return tests.returncode != 0


def main():
    rules = (RULES / "alerts.yml").read_text(encoding="utf-8")
    head, *alerts = re.split(r"(?=      - alert: )", rules)
    broken = []
    for at, alert in enumerate(alerts):
        name = re.match(r"      - alert: (\w+)", alert)[1]
        for what, text in breakages_of(alert):
            broken.append((f"{name} {what}", head + "".join(alerts[:at] + [text] + alerts[at + 1:])))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        noticed = list(pool.map(notices, [text for _, text in broken]))
    for (what, _), seen in zip(broken, noticed):
        if not seen:
            print(f"alerts_bite: no test notices that {what}")
    print(f"alerts_bite: {sum(noticed)} of {len(broken)} broken alerts noticed")
    return 0 if all(noticed) and broken else 1


if __name__ == "__main__":
    sys.exit(main())
