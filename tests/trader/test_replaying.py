"""A decision that the ledger kept comes out the same again, and what does not is named."""

from decimal import Decimal as D
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from model.decision import Decision, Verdict
from model.records import DecisionRecord
from model.settings import Settings
from model.snapshot import from_json, to_json
from runtime.config import parse_sections
from tests.runtime.configs import SNAPSHOT, sections
from trader.cycle import jsonable
from trader.guards import Guards, narrowed
from trader.replaying import guards_of, replay, settings_of
from trader.worker import answer

FREE = Guards(None, None, {"source": D("1.5"), "target": D("1.5")})


def settings(**changes: Any) -> Settings:
    """Those of the tests' config."""
    return parse_sections(sections(), {}).settings().replace(**changes)


def record(guards: Guards, chosen: Settings | None = None) -> DecisionRecord:
    """A decision on the tests' snapshot, as the cycle writes it."""
    snapshot, chosen = from_json(SNAPSHOT), chosen or settings()
    decision = narrowed(answer(snapshot, chosen), guards, snapshot)
    return DecisionRecord(
        "d1",
        decision.timestamp,
        decision.verdict.value,
        decision.reason,
        to_json(snapshot),
        jsonable(attrs.asdict(chosen)),
        jsonable(attrs.asdict(decision)),
        jsonable(attrs.asdict(guards)),
    )


class ReplayTests(SynchronousTestCase):
    """Again, by the same functions."""

    def test_the_same(self) -> None:
        """Nothing differs, every field but the time it took was compared, and there was something to compare."""
        found = replay(record(FREE))
        self.assertEqual(found.differences, ())
        self.assertTrue(found.is_same)
        self.assertGreater(found.fields, 50)
        self.assertEqual((found.id, found.verdict, found.has_guards), ("d1", "act", True))

    def test_guards_are_applied_again(self) -> None:
        """What was narrowed by a limit, by what was held or by a stuck hedge comes out as narrow."""
        for guards in (
            attrs.evolve(FREE, max_order_value=D(10)),
            attrs.evolve(FREE, max_position=D("1.5")),
            attrs.evolve(FREE, stuck="a hedge waits for a person"),
        ):
            kept = record(guards)
            self.assertEqual(replay(kept).differences, ())
            fields = {difference.field for difference in replay(attrs.evolve(kept, guards=None)).differences}
            self.assertTrue(any(field.startswith("quotes") for field in fields), fields)

    def test_what_differs_is_named(self) -> None:
        """Each field that was changed since is told with both values; the time it took is none of them."""
        kept = record(FREE)
        quote = {**kept.decision["quotes"][0], "price": "1"}
        changed = {**kept.decision, "fair": "2", "elapsed_ms": "3", "quotes": [quote, *kept.decision["quotes"][1:]]}
        found = replay(attrs.evolve(kept, decision=changed))
        self.assertEqual([difference.field for difference in found.differences], ["fair", "quotes.0.price"])
        self.assertEqual(found.differences[1].stored, "1")
        self.assertEqual(found.differences[1].again, kept.decision["quotes"][0]["price"])

    def test_an_older_record(self) -> None:
        """What was written before guards were kept is decided without any, which is said."""
        found = replay(attrs.evolve(record(FREE), guards=None))
        self.assertEqual((found.is_same, found.has_guards), (True, False))

    def test_what_cannot_be_read(self) -> None:
        """Settings of another program, guards with a piece missing and a broken snapshot are told by name."""
        kept = record(FREE)
        for change, word in (
            ({"settings": {**kept.settings, "courage": "1"}}, "courage"),
            ({"settings": {}}, "missing"),
            ({"guards": {"held": {}, "max_order_value": None}}, "max_position"),
            ({"snapshot": {}}, "timestamp"),
        ):
            with self.assertRaises(ValueError) as raised:
                replay(attrs.evolve(kept, **change))
            self.assertIn(word, str(raised.exception))

    def test_settings_and_guards_survive_json(self) -> None:
        """Written and read they are the same values, whatever they hold."""
        for chosen in (settings(), settings(edge_min=None, max_exposure=D("0.5"), levels=3, hedge="immediate", post_only=False)):
            self.assertEqual(settings_of(jsonable(attrs.asdict(chosen))), chosen)
        for guards in (FREE, Guards(D("1.5"), D(2), {"source": D(1), "target": D(0)}, "why")):
            self.assertEqual(guards_of(jsonable(attrs.asdict(guards))), guards)

    def test_another_verdict(self) -> None:
        """What was refused then and would be done now differs in its verdict."""
        refusal = Decision(Verdict.REFUSE, "x", SNAPSHOT["timestamp"], D(0))
        kept = attrs.evolve(record(FREE), decision=jsonable(attrs.asdict(refusal)))
        self.assertIn("verdict", {difference.field for difference in replay(kept).differences})
