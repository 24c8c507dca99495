"""What Schemathesis can't know of this API: how a cursor looks, and what no schema can say of a request."""
import base64
import struct

import schemathesis
from hypothesis import strategies
from schemathesis.openapi.checks import RejectedPositiveData

LARGEST_OFFSET = 10_000

# http/cursor.cpp: opaque to clients, but a walk that no request gets past the first look at is no test.
schemathesis.openapi.format("cursor", strategies.builds(
    lambda descending, at, id: base64.urlsafe_b64encode(struct.pack(">BQQB", descending, at, id, 0)).decode(),
    strategies.booleans(), strategies.integers(0, 253_402_300_799_999), strategies.integers(1, 2**53 - 1)))


def has_fraction(body):
    """To a schema 1.0 is an integer; the API wants numbers as they are counted."""
    if isinstance(body, dict):
        return any(has_fraction(value) for value in body.values())
    return isinstance(body, float)


def is_too_far(query):
    """A page number reaches 10,000 rows far. A cursor goes on from there, but it is of one direction, and not every
    text of its alphabet is one."""
    size = min(int(query.get("size", 20)), 1000)
    return "after" in query or int(query.get("page", 0)) > LARGEST_OFFSET // size


def is_no_place(headers):
    """A place among the events has a check sum: only the server makes one."""
    return "Last-Event-ID" in headers


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    return not (has_fraction(case.body) or is_too_far(case.query or {}) or is_no_place(case.headers or {}))
