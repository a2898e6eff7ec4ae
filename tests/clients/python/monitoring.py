"""Checks the example dashboard and the alert rules with a parser of PromQL.

Usage: monitoring.py METRICS DASHBOARD ALERTS, where METRICS has the text of GET /metrics.
"""
import json
import re
import sys

import promql_parser
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

metrics, dashboard, alerts = (open(path).read() for path in sys.argv[1:])
names = {
    sample.name
    for family in text_string_to_metric_families(metrics)
    for sample in family.samples
}
rules = [rule for group in yaml.safe_load(alerts)["groups"] for rule in group["rules"]]
targets = [
    target for panel in json.loads(dashboard)["panels"] for target in panel["targets"]
]
for expression in [one["expr"] for one in rules + targets]:
    # Grafana replaces its variables before Prometheus reads the query.
    query = expression.replace("$__rate_interval", "5m")
    promql_parser.parse(query)
    for name in re.findall(r"\blull_\w+", query):
        if name not in names:
            sys.exit(f"monitoring: the agent has no {name}: {expression}")
for rule in rules:
    if not rule["alert"] or not rule["annotations"]["summary"]:
        sys.exit(f"monitoring: not a rule: {rule}")
print(f"{len(rules)} rules and {len(targets)} queries read")
