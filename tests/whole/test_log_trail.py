"""From one customer's fill, by the ids in the log alone, to the hedge's order, and on to the decision and its snapshot."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any
from unittest import TestCase

from tests.whole.running import Running, until

FAST = {"webserver.port": "0", "sandbox.speed": "60"}
Line = dict[str, Any]
PASSWORD = "heron-copper-41-quay"


def find(lines: list[Line], text: str, is_it: Callable[[Line], bool]) -> Line:
    """The first line that begins with ``text`` and is it."""
    return next(line for line in lines if line["text"].startswith(text) and is_it(line))


class TrailTests(TestCase):
    """The pool on the built-in sandbox, each fill hedged at once."""

    def test_from_a_fill_to_the_snapshot(self) -> None:
        """Fill, obligation, intent, the venue's order and the decision are named in the log as they are in the ledger."""
        changes = {**FAST, "trader.hedge": "immediate", "log.json_file": "pool.json", "log.format": "json"}
        with Running(changes) as pool:
            pool.wait_for_state("READY")
            pool.call("/api/start", {})
            until(lambda: [fill for fill in pool.call("/api/fills") if fill["place"] == "source"], "a hedge is done")
            pool.call("/api/stop", {})
            self.assertEqual(pool.end(), 0)
            lines = [json.loads(line) for line in (pool.folder / "pool.json").read_text().splitlines()]
            told = [json.loads(line) for line in pool.output.read_text().splitlines() if line.startswith("{")]
            (ledger,) = (pool.folder / "var").glob("*.sqlite")
            with closing(sqlite3.connect(ledger)) as connection:
                connection.row_factory = sqlite3.Row
                self.follow(lines, connection)
        self.assertEqual(told[-20:], lines[-20:], "stderr and the file tell the same")
        self.assertNotIn(PASSWORD, json.dumps(lines))

    def follow(self, lines: list[Line], ledger: sqlite3.Connection) -> None:
        """Step by step, each from the one before."""
        hedging = find(lines, "hedging ", lambda line: bool(line["fills"]))
        fill_id, obligation_id = hedging["fills"].split()[0], hedging["obligation"]
        fill = find(lines, "target: quote filled", lambda line: line["fill"] == fill_id)
        order = find(lines, "hedge order ", lambda line: line["obligation"] == obligation_id)
        done = find(lines, "source: hedge filled", lambda line: line["intent"] == order["intent"])
        over = find(lines, "hedge done", lambda line: line["obligation"] == obligation_id)
        self.assertEqual({line["decision"] for line in (hedging, order, done, over)}, {hedging["decision"]})
        self.assertEqual(done["obligation"], obligation_id)

        quote = self.row(ledger, "intents", fill["intent"])
        self.assertEqual((quote["purpose"], quote["order_id"], quote["decision_id"]), ("quote", fill["order"], fill["decision"]))
        obligation = self.row(ledger, "obligations", obligation_id)
        self.assertEqual(obligation["state"], "done")
        hedge = self.row(ledger, "intents", order["intent"])
        self.assertEqual((hedge["obligation_id"], hedge["order_id"]), (obligation["id"], done["order"]))
        for decision_id in (fill["decision"], hedging["decision"], hedge["decision_id"]):
            snapshot = json.loads(self.row(ledger, "decisions", decision_id)["snapshot"])
            self.assertTrue(snapshot["source"]["book"]["bids"])

    def row(self, ledger: sqlite3.Connection, table: str, id: str) -> sqlite3.Row:
        """The one of this id."""
        (found,) = ledger.execute(f"SELECT * FROM {table} WHERE id = ?", (id,)).fetchall()
        assert isinstance(found, sqlite3.Row)
        return found
