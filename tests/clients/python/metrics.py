"""Checks that Prometheus reads the metrics. Usage: metrics.py http://127.0.0.1:PORT"""
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = urllib.request.urlopen(f"{sys.argv[1]}/metrics").read().decode()
families = {family.name: family for family in text_string_to_metric_families(text)}
for name, kind in {
    "lull_build": "info",
    "lull_problems": "counter",
    "lull_prepare_duration_seconds": "histogram",
    "lull_recovery_duration_seconds": "histogram",
    "lull_step_duration_seconds": "histogram",
}.items():
    if families[name].type != kind or not families[name].samples:
        sys.exit(f"metrics: {name} is not a {kind} with samples")
print("metrics read")
