"""The log: readable, machine-readable, and without secrets, tracebacks included."""

import json
import logging
from decimal import Decimal
from io import StringIO

from twisted.internet.protocol import Factory
from twisted.logger import FilteringLogObserver, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from runtime.logs import JsonObserver, Redactor, TextObserver, _FromLogging, _wanted

SECRET = 'k3y/with+"quotes"=='


class LogTests(SynchronousTestCase):
    """What is written, by both observers."""

    def setUp(self) -> None:
        self.text, self.json = StringIO(), StringIO()
        redactor = Redactor([SECRET, "abc", ""])
        publisher = LogPublisher(TextObserver(self.text, redactor), JsonObserver(self.json, redactor))
        self.log = Logger("trader.cycle", observer=publisher)

    def test_line(self) -> None:
        """A line has its time, level, place and words; JSON has the fields too, amounts exact."""
        self.log.info("sold {quantity}", quantity=Decimal("0.10"))
        self.assertRegex(self.text.getvalue(), r"^\d{4}-\d\d-\d\dT[\d:.]+Z INFO  \[trader.cycle\] sold 0.10\n$")
        found = json.loads(self.json.getvalue())
        self.assertEqual((found["level"], found["text"], found["quantity"]), ("info", "sold 0.10", "0.10"))

    def test_ids(self) -> None:
        """Ids that words do not need are fields of the JSON; what there is not is left out of it."""
        self.log.info("sold", fill="f-1", obligation=None)
        found = json.loads(self.json.getvalue())
        self.assertEqual((found["fill"], "obligation" in found, "f-1" in self.text.getvalue()), ("f-1", False, False))

    def test_no_secret_in_any_spelling(self) -> None:
        """Words, fields, URLs, reprs and JSON do not show a secret."""
        self.log.warn(
            "{url} {words!r} {body}", url="https://x/?k=k3y%2Fwith%2B%22quotes%22%3D%3D", words=SECRET, body=json.dumps(SECRET)
        )
        for written in (self.text.getvalue(), self.json.getvalue()):
            self.assertNotIn("k3y", written)
            self.assertIn("<secret>", written)

    def test_no_secret_in_a_traceback(self) -> None:
        """Nor does the traceback of an error that quotes it, or an error behind the error."""
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise ValueError(f"signing with {SECRET} failed") from error
        except ValueError:
            self.log.failure("cannot sign", failure=Failure())
        for written in (self.text.getvalue(), self.json.getvalue()):
            self.assertIn("signing with <secret> failed", written)
            self.assertNotIn("k3y", written)
            self.assertIn("Traceback", written)

    def test_short_texts_are_words(self) -> None:
        """A text too short to be a secret does not black out the words it is part of."""
        self.log.info("the abc of trading")
        self.assertIn("the abc of trading", self.text.getvalue())

    def test_longer_secret_first(self) -> None:
        """One secret that begins another leaves no part of it."""
        self.assertEqual(Redactor(["pass", "password1"]).clean("password1 pass"), "<secret> <secret>")

    def test_libraries_are_quiet(self) -> None:
        """What libraries announce is left out, unless everything is asked for; what is wrong with them never is."""
        self.patch(Factory, "noisy", True)
        for level, shown in (
            ("info", ["pool", "lost"]),
            ("debug", ["pool", "open", "lost", "dropping"]),
            ("warn", ["lost", "dropping"]),
        ):
            stream = StringIO()
            observer = FilteringLogObserver(TextObserver(stream, Redactor(())), [_wanted(level)])
            Logger("trader.pool", observer=observer).info("pool")
            Logger("twisted.web.client", observer=observer).info("open")
            Logger("twisted.web.client", observer=observer).warn("lost")
            Logger("autobahn.websocket", observer=observer).warn("dropping")
            self.assertEqual([line.split()[-1] for line in stream.getvalue().splitlines()], shown)

    def test_python_logging_arrives(self) -> None:
        """Records of Python's logging come as events of the same level."""
        record = logging.LogRecord("alembic", logging.ERROR, "", 1, "no %s", ("table",), None)
        seen = []
        self.patch(Logger, "emit", lambda self, level, format, **fields: seen.append((self.namespace, level, fields["text"])))
        _FromLogging().emit(record)
        self.assertEqual(seen, [("alembic", LogLevel.error, "no table")])
