"""What is counted, as Prometheus' own parser reads it."""

from __future__ import annotations

import threading

from prometheus_client.parser import text_string_to_metric_families

from serving.server.metrics import Counter, Histogram, Metrics


def samples(metric):
    (family,) = text_string_to_metric_families("\n".join(metric.lines()) + "\n")
    # The parser adds `_total` to a counter's name.
    values = {(s.name.removesuffix("_total"), *sorted(s.labels.items())): s.value for s in family.samples}
    return family.type, values


def test_a_counter_keeps_its_name_and_counts_by_labels():
    counter = Counter(":tensorflow:serving:request_count", ("model_name", "status"))
    counter.add("chest", "OK")
    counter.add("chest", "OK", by=2)
    counter.add('a"b\\c\n', "OK")
    assert ':tensorflow:serving:request_count{model_name="chest",status="OK"} 3' in counter.lines()
    kind, values = samples(counter)
    name = ":tensorflow:serving:request_count"
    assert kind == "counter"
    assert values == {
        (name, ("model_name", "chest"), ("status", "OK")): 3,
        (name, ("model_name", 'a"b\\c\n'), ("status", "OK")): 1,
    }


def test_a_histogram_counts_what_lies_at_or_below_each_bound():
    histogram = Histogram("h", ("m",), (1.0, 10.0))
    for value in (0.5, 1.0, 5.0, 11.0):
        histogram.observe(value, "x")
    kind, values = samples(histogram)
    buckets = {dict(key[1:])["le"]: value for key, value in values.items() if key[0] == "h_bucket"}
    assert kind == "histogram"
    assert buckets == {"1": 2, "10": 3, "+Inf": 4}
    assert (values["h_sum", ("m", "x")], values["h_count", ("m", "x")]) == (17.5, 4)


def test_threads_lose_no_count():
    counter = Counter("c", ())
    threads = [threading.Thread(target=lambda: [counter.add() for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert samples(counter)[1] == {("c",): 8000}


def test_the_page_has_every_metric():
    names = {family.name for family in text_string_to_metric_families(Metrics().page())}
    assert {":tensorflow:serving:request_latency", ":tensorflow:cc:saved_model:load_attempt_count"} <= names
