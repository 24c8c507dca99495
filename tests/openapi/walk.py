#!/usr/bin/env python3
"""Walks every operation of openapi.json, and every status that it documents, against the real server.

walk.py BINARY

Each request is held against the document (those that are meant to be wrong have to be wrong by it as well), and
each answer: status, headers, media type, schema. What the document lacks is an error, and so is what it has and the
walk did not meet.
"""
import hashlib
import json
import pathlib
import sys
import tempfile

from document import Document, Untrue
from service import Exchange, Stream, redis, sandbox, serve, wait_for

# More readers of events than there may be.
CROWD = 1000
# Documented, and in nobody's power to provoke: it takes a bug, or records that can't be read.
NOT_PROVOKED = {"500"}
# It takes a journal that can't be read or written, more commands at once than are taken, or the first moments.
NOT_PROVOKED_503 = {("DELETE", "/preReservations/{id}"), ("POST", "/admin/sagas/{id}/retry"),
                    ("POST", "/admin/sagas/{id}/cancel"), ("GET", "/admin/sagas"), ("HEAD", "/admin/sagas"),
                    ("GET", "/admin/sagas/{id}"), ("HEAD", "/admin/sagas/{id}"), ("POST", "/admin/sagas/retry"),
                    ("POST", "/admin/sagas/cancel"), ("POST", "/admin/breaker"), ("POST", "/admin/view/rebuild")}

HAL = {"Accept": "application/hal+json"}
JSON = {"Content-Type": "application/json"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ORDER = {"userId": 1, "userAddress": "seoul", "productId": 1, "productName": "fold", "price": 1300000,
         "cardNo": "1234-1234-1234-1234", "status": "order"}
DECLINED = ORDER | {"cardNo": "4000-0000-0000-0002"}
COLLECTIONS = ("preReservations", "payments", "receipts", "myReservations")


def request_text(method, target, headers=None, body=b""):
    lines = [f"{method} {target} HTTP/1.1", "Host: shop.test", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def key_file(folder):
    """One API key for each role: the file of their hashes, and the keys themselves."""
    keys = {role: f"hf_key-of-the-{role}" for role in ("customer", "auditor", "operator")}
    lines = [f"{hashlib.sha256(key.encode()).hexdigest()} walk-{role} {role}{' 1' if role == 'customer' else ''}\n"
             for role, key in keys.items()]
    path = pathlib.Path(folder) / "keys"
    path.write_text("".join(lines))
    return path, keys


def key_of(event):
    return json.loads(event["data"]).get("id"), event["event"]


class Walk:
    def __init__(self, service, bank):
        self.service, self.bank = service, bank
        self.document = None
        self.met = set()
        self.requests = 0

    # --- One exchange ---

    def begin(self, method, target, headers=None, body=b"", conforms=True, exchange=Exchange):
        """Sends a request that the document allows, or else one that it forbids."""
        headers = headers or {}
        errors = self.document.errors_of_request(method, target, headers, body)
        if bool(errors) == conforms:
            raise Untrue(f"{method} {target} {headers} {body}: by the document this request is "
                         f"{'wrong: ' + '; '.join(errors) if errors else 'right'}")
        return exchange(self.service.port, request_text(method, target, headers, body))

    def end(self, exchange, method, target, status, code=None):
        answer = exchange.answer()
        self.requests += 1
        try:
            if answer.status not in (status if isinstance(status, tuple) else (status,)):
                raise Untrue(f"expected {status}")
            self.document.check_answer(method, target, answer)
            if code and method != "HEAD" and answer.json()["code"] != code:
                raise Untrue(f"expected the code {code}")
        except Untrue as untrue:
            raise Untrue(f"{method} {target}: {untrue}\n{answer.status} {answer.headers}\n"
                         f"{answer.body[:2000].decode(errors='replace')}") from None
        self.met.add((method, self.document.path_of(target), str(answer.status)))
        return answer

    def ask(self, method, target, status, code=None, headers=None, body=b"", conforms=True):
        return self.end(self.begin(method, target, headers, body, conforms), method, target, status, code)

    def get(self, target, status=200, code=None, headers=None, conforms=True):
        """GET, and HEAD, which has to answer the same without the body."""
        head = self.ask("HEAD", target, status, headers=headers, conforms=conforms)
        answer = self.ask("GET", target, status, code, headers, conforms=conforms)
        self.check_same_headers(target, head, answer)
        return answer

    def check_same_headers(self, target, head, answer):
        if set(head.headers) != set(answer.headers):
            raise Untrue(f"{target}: HEAD has the headers {head.headers}, GET {answer.headers}")

    def open(self, target, status=200, headers=None):
        """GET of a stream, of which the head is read."""
        stream = self.begin("GET", target, headers, exchange=Stream)
        stream.head = self.end(stream, "GET", target, status)
        return stream

    def order(self, fields, conforms=True, headers=None):
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        return self.begin("POST", "/preReservations", JSON | (headers or {}), body, conforms)

    def place(self, fields, status, code=None, conforms=True, headers=None):
        return self.end(self.order(fields, conforms, headers), "POST", "/preReservations", status, code)

    def turn(self, **knobs):
        """The payment provider's knobs: see the README on `holdfast sandbox`."""
        body = json.dumps(knobs).encode()
        answer = Exchange(self.bank.port, request_text("PUT", "/control", JSON, body)).answer()
        if answer.status != 200:
            raise ConnectionError(f"the sandbox refuses {knobs}: {answer.body.decode()}")

    def newest(self):
        rows = self.ask("GET", "/preReservations?sort=createdAt,desc&size=1", 200).json()
        return rows["_embedded"]["preReservations"][0] if rows["_embedded"]["preReservations"] else {"id": 0}

    # --- The way ---

    def read_document(self):
        text = Exchange(self.service.port, request_text("GET", "/openapi.json")).answer().body
        self.document = Document(text)
        tag = self.get("/openapi.json").headers["etag"]
        self.get("/openapi.json", 304, headers={"If-None-Match": tag})

    def targets(self):
        return {path: path.replace("{id}", "1") for path in self.document.root["paths"]}

    def refuse_by_framing(self):
        """What is refused before anybody looks at the path, on every operation."""
        late = []
        for method, path in self.document.operations:
            target = self.targets()[path]
            for status, code, field in ((400, "ambiguous-framing", "Host: other"),
                                        (413, "body-too-large", "Content-Length: 20000"),
                                        (431, "header-too-large", "X-Long: " + "x" * 9000)):
                exchange = Exchange(self.service.port, f"{method} {target} HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n".encode())
                self.end(exchange, method, target, status, code)
            never_ends = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n".encode()
            late.append((Exchange(self.service.port, never_ends), method, target))
        return late

    def ask_for_methods(self):
        """OPTIONS tells what the document tells, and nothing else is allowed."""
        for path, target in self.targets().items():
            allowed = self.ask("OPTIONS", target, 204).headers["allow"]
            if set(allowed.split(", ")) != self.document.methods_of(path):
                raise Untrue(f"{path} allows {allowed}, the document has {self.document.methods_of(path)}")
            for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - set(allowed.split(", ")):
                self.check_not_allowed(method, target, allowed)
        for name in COLLECTIONS:
            self.ask("OPTIONS", f"/{name}/0", 404, "not-found", conforms=False)
        for action in ("", "/retry", "/cancel"):
            self.ask("OPTIONS", f"/admin/sagas/0{action}", 404, "not-found", conforms=False)

    def check_not_allowed(self, method, target, allowed):
        answer = Exchange(self.service.port, request_text(method, target)).answer()
        if method == "HEAD":
            if (answer.status, answer.headers["allow"]) != (405, allowed):
                raise Untrue(f"HEAD {target} is answered {answer.status} {answer.headers}")
            return
        self.document.check({"$ref": "#/components/schemas/Problem"}, answer.json(), f"{method} {target}")
        if (answer.status, answer.json()["code"], answer.headers["allow"]) != (405, "method-not-allowed", allowed):
            raise Untrue(f"{method} {target} is answered {answer.status} {answer.headers}")

    def place_reservations(self):
        self.place(ORDER, 201)
        self.place(ORDER, 201, headers=HAL)
        for fields in ({"userId": 1}, {"userId": "1", "productId": "00010", "price": "1300000"},
                       {"userId": 2**53, "price": 2**53, "productId": 2**53}, {"userId": 0, "cardNo": 123456789012},
                       {"userId": 1, "paymentMethod": "pm_card", "cardNo": None, "currency": "USD"},
                       {"userId": 1, "cardNo": " 1234 5678-9012 ", "userAddress": "\u00e9" * 1000, "more": [{}]}):
            self.place(fields, 201)
        self.place(DECLINED, 402, "payment-declined")
        for fields in ({}, {"userId": None}, {"userId": -1}, {"userId": 2**53 + 1}, {"userId": "x"}, {"userId": 1.5},
                       {"userId": 1, "price": -1}, {"userId": 1, "price": 2**53 + 1}, {"userId": 1, "productId": []},
                       {"userId": 1, "currency": "krw"}, {"userId": 1, "cardNo": "1234"}, {"userId": 1, "cardNo": 1},
                       {"userId": 1, "cardNo": ORDER["cardNo"], "paymentMethod": "pm_card"},
                       {"userId": 1, "userAddress": "x" * 1001}, {"userId": 1, "productName": "a\0b"},
                       {"userId": 1, "paymentMethod": "a b"}):
            self.place(fields, 400, "invalid-field", conforms=False)
        for body in (b"", b"{", b"[]", b"1"):
            self.place(body, 400, "malformed-json", conforms=False)
        self.ask("POST", "/preReservations", 415, "unsupported-media-type", {"Content-Type": "text/plain"}, b"{}", False)

    def repeat_with_keys(self):
        for key in ("k" * 256, "a b"):
            self.place(ORDER, 400, "invalid-parameter", conforms=False, headers={"Idempotency-Key": key})
        for name, fields, status in (("paid", ORDER, 201), ("declined", DECLINED, 402)):
            # Its events have the trace.
            key = {"Idempotency-Key": name, "traceparent": TRACEPARENT}
            first, again = self.place(fields, status, headers=key), self.place(fields, status, headers=key)
            if again.body != first.body or "idempotent-replayed" not in again.headers:
                raise Untrue(f"a repeated placement ({name}) is answered otherwise")
        self.place(ORDER | {"price": 1}, 422, "key-reused", headers={"Idempotency-Key": "paid"})

    def place_with_trouble(self):
        """A provider that takes its time, and one that is not there."""
        self.turn(latency="2s")
        before = self.newest()["id"]
        key = {"Idempotency-Key": "waiting"}
        waiting = self.order(ORDER, headers=key)
        wait_for(lambda: self.newest()["id"] != before, "the reservation")
        self.place(ORDER, 409, "key-in-use", headers=key)
        self.ask("DELETE", f"/preReservations/{self.newest()['id']}", (202, 204))
        self.end(waiting, "POST", "/preReservations", 409, "cancelled")

        self.turn(latency="0ms")
        paid = self.place(ORDER, 201).json()["id"]
        self.turn(latency="8s")
        self.place(ORDER, 202)
        self.ask("DELETE", f"/preReservations/{paid}", 202)
        self.turn(outage=True)
        key = {"Idempotency-Key": "outage"}
        first, again = (self.place(ORDER, 503, "payment-unavailable", headers=key) for _ in range(2))
        if "retry-after" not in first.headers or "retry-after" in again.headers:
            raise Untrue("an answer is either to be tried again or final")

    def cancel(self):
        placed = self.place(ORDER, 201).json()["id"]
        for _ in range(2):
            self.ask("DELETE", f"/preReservations/{placed}", 204)
        self.ask("DELETE", "/preReservations/4242", 404, "not-found")
        return placed

    def read(self):
        for path in ("/", "/actuator", "/actuator/health", "/actuator/health/liveness", "/actuator/health/readiness",
                     "/actuator/info", "/actuator/circuitbreakers", "/actuator/parked", "/actuator/prometheus", "/metrics"):
            self.get(path)
        self.get("/", headers=HAL)
        self.follow_links()
        cancelled = self.cancel()
        for name in COLLECTIONS:
            self.read_items(name, (1, cancelled))
            self.read_list(name)
        declined = self.place(DECLINED, 402).json()["_links"]["reservation"]["href"].rsplit("/", 1)[1]
        for name in COLLECTIONS:
            self.get(f"/{name}/{declined}", *((404, "not-found") if name == "receipts" else ()))
        self.get("/myReservations?userId=1")
        self.get("/myReservations?userId=x", 400, "invalid-parameter", conforms=False)

    # --- Events ---

    def follow_events(self):
        """From the beginning on, and as they happen."""
        stream = self.open("/events?from=beginning")
        self.check_same_headers("/events", self.ask("HEAD", "/events?from=beginning", 200), stream.head)
        order = ORDER | {"userId": 77}
        kept, cancelled = (self.place(order, 201).json()["id"] for _ in range(2))
        self.ask("DELETE", f"/preReservations/{cancelled}", 204)
        declined = self.place(DECLINED, 402).json()["_links"]["reservation"]["href"].rsplit("/", 1)[1]
        # What is cancelled at once may have come to no receipt.
        whose = {"PaymentDeclined": int(declined), "ReceiptCreated": kept}
        types = self.document.root["components"]["schemas"]["EventType"]["enum"]
        events = self.read_events(stream, {(whose.get(type, cancelled), type) for type in types})
        self.filter_events(kept, cancelled)
        self.resume_events(*events[-2:])
        return stream

    def read_events(self, stream, wanted):
        """All until there was one of each that is wanted, by id and type."""
        events, left = [], set(wanted)
        for event in stream.events():
            self.document.check_event(event)
            events.append(event)
            left.discard(key_of(event))
            if not left:
                return events
        raise Untrue(f"the stream has ended, and there came nothing of {left}")

    def filter_events(self, kept, cancelled):
        """Of one customer, and of some types."""
        stream = self.open("/events?userId=77&type=ReceiptCreated,ReceiptCancelled&from=beginning")
        for event in self.read_events(stream, {(kept, "ReceiptCreated"), (cancelled, "ReceiptCancelled")}):
            if event["event"] not in ("ReceiptCreated", "ReceiptCancelled") or json.loads(event["data"])["userId"] != 77:
                raise Untrue(f"there came what was not asked for: {event}")
        stream.close()

    def resume_events(self, last, next):
        behind = {"Last-Event-ID": last["id"]}
        self.ask("HEAD", "/events", 200, headers=behind)
        self.ask("HEAD", "/events", 200, headers={"Last-Event-ID": ""})
        stream = self.open("/events", headers=behind)
        self.read_events(stream, {key_of(next)})
        stream.close()

    def refuse_events(self):
        for query in ("userId=-1", "userId=x", "userId=", "type=", "type=Other", "type=PaymentCreated,x", "type=PaymentCreated,", "from=1", "from="):
            self.get(f"/events?{query}", 400, "invalid-parameter", conforms=False)
        self.get("/events?from=now&from=now", 400, "invalid-parameter", conforms=False)
        self.get("/events", 400, "invalid-header", headers={"Last-Event-ID": "of-another-store"})
        for never in ("a b", "x" * 2753):
            self.get("/events", 400, "invalid-header", headers={"Last-Event-ID": never}, conforms=False)

    # --- Operators ---

    def command(self, target, fields, status, code=None, conforms=True, method="POST"):
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        return self.ask(method, target, status, code, JSON, body, conforms)

    def operate(self):
        """While a charge is not known, and the bank fails."""
        note = {"who": "mina", "reason": "the bank is back"}
        self.get("/admin/sagas?state=parked&olderThanSeconds=1&userId=1&status=order&size=2&after=1")
        for query in ("state=x", "status=x", "userId=x", "olderThanSeconds=-1", "size=0", "after=x"):
            self.get(f"/admin/sagas?{query}", 400, "invalid-parameter", conforms=False)
        placed = self.place(ORDER, 201).json()["id"]
        self.command(f"/admin/sagas/{placed}/retry", note, 200)
        self.command(f"/admin/sagas/{placed}/cancel", note, 200)
        self.get(f"/admin/sagas/{placed}")
        wait_for(lambda: self.ask("GET", f"/myReservations/{placed}", 200).json()["history"][-1]["event"] ==
                 "ReservationCancelled", "the cancellation")
        self.get("/admin/sagas/4242", 404, "not-found")
        self.get("/admin/sagas/0", 404, "not-found", conforms=False)
        for action in ("retry", "cancel"):
            one, many = f"/admin/sagas/4242/{action}", f"/admin/sagas/{action}"
            self.command(one, note, 404, "not-found")
            self.refuse_commands(one, note)
            filtered = note | {"filter": {"state": "stuck"}}
            self.command(many, filtered | {"dryRun": True}, 200)
            self.command(many, filtered | {"dryRun": False, "limit": 1}, 200)
            self.refuse_commands(many, filtered)
            self.command(many, note | {"filter": {"state": "stuck", "useId": 1}}, 400, "invalid-field", conforms=False)
        self.command("/admin/breaker", note | {"action": "close"}, 202)
        self.get("/actuator/circuitbreakers")
        self.command("/admin/breaker", note | {"action": "auto"}, 202)
        self.refuse_commands("/admin/breaker", note | {"action": "auto"})
        self.command("/admin/log-level", note | {"level": "info"}, 200, method="PUT")
        self.refuse_commands("/admin/log-level", note | {"level": "info"}, "PUT")
        self.command("/admin/view/rebuild", note, 202)
        self.refuse_commands("/admin/view/rebuild", note)
        wait_for(lambda: Exchange(self.service.port, request_text("GET", "/payments")).answer().status == 200, "the view")

    def refuse_commands(self, target, fields, method="POST"):
        for wrong in ({"who": ""}, {"who": "m\u00edna"}, {"who": "m" * 65}, {"reason": " "}, {"reason": "x" * 501},
                      {"reason": "card 1234-1234-1234-1234"}, {"more": 1}):
            self.command(target, fields | wrong, 400, "invalid-field", False, method)
        self.command(target, b"[]", 400, "malformed-json", False, method)
        self.ask(method, target, 415, "unsupported-media-type", {"Content-Type": "text/plain"}, b"{}", False)

    def crowd_out(self):
        readers = [self.open("/events")]
        while readers[-1].head.status == 200:
            if len(readers) == CROWD:
                raise Untrue("the number of readers has no end")
            readers.append(self.open("/events", (200, 503)))
        for reader in readers:
            reader.close()

    def end_stream(self, stream):
        """What is left of it, and why it ends."""
        last = self.read_events(stream, {(None, "StreamEnded")})[-1]
        if json.loads(last["data"])["reason"] != "draining" or stream.next_event() is not None:
            raise Untrue(f"the stream of a server that ends closes with {last}")

    def follow_links(self):
        """What the indexes lead to is in the document."""
        for index in ("/", "/actuator"):
            for link in self.ask("GET", index, 200).json()["_links"].values():
                self.document.path_of(link["href"].split("{")[0])

    def read_items(self, name, ids):
        for each in ids:
            tag = self.get(f"/{name}/{each}").headers["etag"]
            self.get(f"/{name}/{each}", headers=HAL)
            self.get(f"/{name}/{each}", 304, headers={"If-None-Match": tag})
        self.get(f"/{name}/4242", 404, "not-found")
        for never in ("0", "x", str(2**53)):
            self.get(f"/{name}/{never}", 404, "not-found", conforms=False)

    def read_list(self, name):
        self.get(f"/{name}", headers=HAL)
        self.get(f"/{name}?size=100000")
        self.get(f"/{name}?page=99")
        page = self.get(f"/{name}?page=1&size=2&sort=createdAt,desc")
        while "link" in page.headers:
            page = self.get(page.json()["_links"]["next"]["href"].removeprefix("http://shop.test"))
        for query in ("page=-1", "page=x", "size=0", "size=", "sort=price", "after=x", "page=0&page=1"):
            self.get(f"/{name}?{query}", 400, "invalid-parameter", conforms=False)
        self.get(f"/{name}?page=10001&size=1", 400, "use-cursor")

    def read_without_view(self):
        self.get("/actuator/health", 503)
        for name in COLLECTIONS:
            self.get(f"/{name}", 503, "view-unavailable")
            self.get(f"/{name}/1", 503, "view-unavailable")

    def ask_while_ending(self, stream):
        """Requests that have begun to arrive when the process is told to end are served, and streams are ended."""
        questions = [("GET", "/actuator/health/readiness", 503, None), ("HEAD", "/actuator/health/readiness", 503, None),
                     ("DELETE", "/preReservations/1", (202, 204), None), ("POST", "/admin/sagas/1/retry", 200, None)]
        exchanges = []
        note = json.dumps({"who": "mina", "reason": "too late"}).encode()
        for method, target, status, code in questions:
            text = request_text(method, target, *((JSON, note) if method == "POST" else ()))
            exchanges.append((Exchange(self.service.port, text[:-2]), text[-2:], method, target, status, code))
        # Those who come later are answered on each loop: so these have begun to arrive, and not only been sent.
        self.read_without_view()
        self.service.terminate()
        wait_for(lambda: not self.accepts(), "the port to be given up")
        # All at once: they have a second for that.
        for exchange, rest, *_ in exchanges:
            exchange.send(rest)
        for exchange, _, *question in exchanges:
            self.end(exchange, *question)
        self.end_stream(stream)
        if self.service.wait() != 0:
            raise ChildProcessError("the server did not end well")

    def accepts(self):
        try:
            Exchange(self.service.port, b"")
            return True
        except OSError:
            return False

    def go(self, view):
        self.read_document()
        late = self.refuse_by_framing()
        self.ask_for_methods()
        self.place_reservations()
        self.repeat_with_keys()
        self.read()
        self.refuse_events()
        stream = self.follow_events()
        self.operate()
        self.crowd_out()
        self.place_with_trouble()
        for exchange, method, target in late:
            self.end(exchange, method, target, 408, "request-timeout")
        view.kill()
        wait_for(lambda: Exchange(self.service.port, request_text("GET", "/payments")).answer().status == 503, "503")
        self.ask_while_ending(stream)

    # --- Who asks ---

    def sent_with(self, method, path):
        """The headers and the body of a good request."""
        wanted = self.document.operations[method, path].get("requestBody")
        if wanted is None:
            return {}, b""
        content = self.document.resolve(wanted)["content"]["application/json"]
        return JSON, json.dumps(content.get("example", ORDER)).encode()

    def ask_as(self, key, operations, status, code):
        for method, path in operations:
            headers, body = self.sent_with(method, path)
            credentials = {"Authorization": f"Bearer {key}"} if key else {}
            self.ask(method, self.targets()[path], status, code, headers | credentials, body)

    def refuse_strangers(self, guarded, keys):
        """Where it matters who asks: nobody, who may not, and who asks too often."""
        self.service = guarded
        restricted = [each for each in self.document.operations if "401" in self.document.operations[each]["responses"]]
        self.ask_as(None, restricted, 401, "unauthenticated")
        self.ask_as("hf_unknown", restricted, 401, "unauthenticated")
        for method, path in restricted:
            if "403" not in self.document.operations[method, path]["responses"]:
                continue
            query = "?userId=2" if path in ("/myReservations", "/events") else ""
            of_operators = path.startswith(("/actuator", "/metrics", "/admin"))
            key = keys["customer" if query or of_operators else "auditor"]
            headers, body = self.sent_with(method, path)
            self.ask(method, self.targets()[path] + query, 403, "forbidden",
                     headers | {"Authorization": f"Bearer {key}"}, body)

    def refuse_the_hasty(self, limited, keys):
        self.service = limited
        restricted = [each for each in self.document.operations if "429" in self.document.operations[each]["responses"]]
        self.ask_as(keys["operator"], [("GET", "/")], 200, None)
        self.ask_as(keys["operator"], restricted, 429, "too-many-requests")

    def check_complete(self):
        missed = {each for each in self.document.statuses() - self.met if each[2] not in NOT_PROVOKED and
                  not (each[2] == "503" and each[:2] in NOT_PROVOKED_503)}
        if missed:
            raise Untrue("documented, but never met: " + ", ".join(map(" ".join, sorted(missed))))


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder, redis(folder) as view, sandbox(folder, binary) as bank, \
            serve(folder, binary, "--view", f"redis://127.0.0.1:{view.port}/0", "--payment-timeout", "20s",
                  "--payment", f"http://127.0.0.1:{bank.port}") as service:
        walk = Walk(service, bank)
        try:
            walk.go(view)
            path, keys = key_file(folder)
            guard = ("--auth", "keys", "--auth-keys", path)
            with serve(f"{folder}/guarded", binary, *guard) as guarded:
                walk.refuse_strangers(guarded, keys)
            with serve(f"{folder}/limited", binary, *guard, "--rate-limit", "1/m") as limited:
                walk.refuse_the_hasty(limited, keys)
            walk.check_complete()
        except Untrue as untrue:
            print(f"walk: {untrue}", file=sys.stderr)
            return 1
    print(f"walk: {walk.requests} requests to {len(walk.document.operations)} operations, "
          f"{len(walk.met)} statuses met, all as documented")
    return 0


if __name__ == "__main__":
    sys.exit(main())
