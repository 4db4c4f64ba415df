"""Sends a known set of events with Segment's own library for Python, and says on standard output, as one
line of JSON, how many calls each user has had. Exits 1 if the library reports an error.

  SDK_URL        where the service is, such as http://127.0.0.1:8080
  SDK_WRITE_KEY  a key of scope ingest
  SDK_PREFIX     what the users' names begin with (default "python")
  SDK_TRACKS     how many tracks go out in large batches (default 600)
  SDK_GZIP       1 to send gzip
"""

import datetime
import decimal
import json
import logging
import os
import sys

# This file has the library's name: what is imported must not be this file.
sys.path = [path for path in sys.path if os.path.abspath(path or ".") != os.path.dirname(os.path.abspath(__file__))]
from segment.analytics import Client  # noqa: E402

try:
    host, write_key = os.environ["SDK_URL"], os.environ["SDK_WRITE_KEY"]
except KeyError as missing:
    print(f"{missing} is needed", file=sys.stderr)
    sys.exit(2)
prefix = os.environ.get("SDK_PREFIX", "python")
tracks = int(os.environ.get("SDK_TRACKS", "600"))
gzip = os.environ.get("SDK_GZIP", "0") == "1"

errors, calls = [], {}


class Complaints(logging.Handler):
    """What the library only writes to its log, such as an item that it drops, is an error too."""

    def emit(self, record):
        errors.append(record.getMessage()[:300])


logging.getLogger("segment").addHandler(Complaints(logging.WARNING))


def text(size):
    """A service may bound the length of one value: much text is many values."""
    return {f"t{n}": "x" * min(size, 6000) for n in range((size + 5999) // 6000)}


def library(**settings):
    def failed(error, items):
        errors.append(f"{len(items or [])} items: {error}")

    return Client(write_key, host=host, gzip=gzip, on_error=failed, max_retries=2, **settings)


def call(client, kind, **message):
    who = message.get("user_id") or f"anon:{message['anonymous_id']}"
    calls[who] = calls.get(who, 0) + 1
    taken, _ = getattr(client, kind)(**message)
    if not taken:
        errors.append(f"{kind} was not queued")


# One of each kind, one by one: every call is a request.
ada = f"{prefix}-ada"
single = library(sync_mode=True)
call(single, "page", anonymous_id=f"{prefix}-a1", name="Home", properties={"path": "/", "title": "Home"})
call(single, "identify", user_id=ada, traits={
    "email": "ada@example.com", "plan": "pro", "age": 36, "born": datetime.date(1990, 12, 10),
    "balance": decimal.Decimal("12.50"), "tags": ["a", "b"],
})
call(single, "group", user_id=ada, group_id="acme", traits={"name": "Acme", "seats": 3})
call(single, "track", user_id=ada, event="Order Completed ✓", properties={
    "revenue": 42.5, "currency": "EUR", "products": [{"sku": "1"}, {"sku": "2"}], "empty": None, "node": "cart",
})
call(single, "screen", user_id=ada, name="Prices", properties={"dark": True})
minute_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
call(single, "track", user_id=ada, event="With context", timestamp=minute_ago, context={
    "locale": "de-DE", "timezone": "Europe/Berlin", "ip": "127.0.0.1",
}, integrations={"All": False, "Nudge": True})
call(single, "alias", user_id=ada, previous_id=f"{prefix}-old-ada")

# Hundreds at once: batches as large as the library makes them, by number and by size.
for upload_size, users, size in [(300, 20, 10), (2500, 20, 30_000)]:
    client = library(upload_size=upload_size, max_queue_size=100_000)
    for n in range(tracks if size < 1000 else (tracks + 9) // 10):
        user = f"{prefix}-{size}-{n % users}"
        call(client, "track", user_id=user, event="item", properties={"n": n, **text(size)})
    client.flush()
    client.join()

print(json.dumps({"calls": calls, "errors": errors}))
sys.exit(1 if errors else 0)
