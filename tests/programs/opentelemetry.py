"""What the example opentelemetry writes: OTLP in JSON, with the spans of the client below that of the caller."""
import json
import subprocess
import sys

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

printed = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True).stdout
spans = []
for line in printed.splitlines():
    export = json.loads(line)
    (resource,) = export["resourceSpans"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "corgi"}}], line
    (scope,) = resource["scopeSpans"]
    assert scope["scope"]["name"] == "apimart", line
    spans += scope["spans"]

assert all(span["traceId"] == TRACE for span in spans), printed
assert all(span["kind"] == 3 for span in spans), printed
assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in spans), printed
assert len({span["spanId"] for span in spans}) == len(spans), printed
assert all(len(span["spanId"]) == 16 for span in spans), printed

operations = {span["spanId"]: span for span in spans if span["parentSpanId"] == CALLER}
assert [span["name"] for span in operations.values()] == ["apimart submit", "apimart poll"], printed
attempts = [span for span in spans if span["parentSpanId"] in operations]
assert len(operations) + len(attempts) == len(spans), printed


def attribute(span, name):
    return next((each["value"]["stringValue"] for each in span["attributes"] if each["key"] == name), None)


submit, poll = operations.values()
of_submit = [span for span in attempts if span["parentSpanId"] == submit["spanId"]]
assert [attribute(span, "http.response.status_code") for span in of_submit] == ["429", "200"], printed
assert attribute(submit, "apimart.task_id") == attribute(poll, "apimart.task_id") != None, printed
assert attribute(submit, "apimart.idempotency_key"), printed
assert len(attempts) > len(of_submit), printed
print(f"{len(spans)} spans")
