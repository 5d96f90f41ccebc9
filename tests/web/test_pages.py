"""The pages: what they say, what their forms do, and that nothing in them can be somebody else's script."""

import re
from decimal import Decimal
from html.parser import HTMLParser

import attrs

from model.records import Task
from tests.web.fake_pool import NOW, view
from tests.web.fake_pool import decision as decision_of_the_pool
from tests.web.support import ConsoleCase
from web.drawing import PAGES

EVIL = "<script>alert(1)</script>"


class _Outline(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def outline(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """All start tags with their attributes."""
    parser = _Outline()
    parser.feed(html)
    return parser.tags


ADDRESSES = [f"/{page.name}" for page in PAGES] + ["/start", "/differences", "/tasks/w-1", "/tasks/a-2", "/tasks/w-0"]


class AllPages(ConsoleCase):
    """Every page, in every condition."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.log_in()

    def test_full(self) -> None:
        """Each page shows the state big and is marked in the navigation."""
        for path in ADDRESSES:
            response, text = self.browse(path, self.session)
            self.assertEqual(response.code, 200, path)
            self.assertIn('class="state state-trading">TRADING<', text)
            self.assertEqual(text.count('aria-current="page"'), 0 if path in ("/start", "/differences") else 1, path)

    def test_empty(self) -> None:
        """A pool that knows nothing yet, and one with half of it, can be looked at too."""
        bare = {
            place: attrs.evolve(getattr(view(), place), book=None, balances={}, orders={}, transactions=())
            for place in ("source", "target")
        }
        nothing = {"inputs": (), "transits": (), "tasks": (), "obligations": (), "fills": (), "changes": (), "profit": ()}
        self.pool.show(
            decision=None, snapshot=None, fiat_book=None, exposure=None, state="INITIALIZING", reason="", **bare, **nothing
        )
        for path in ADDRESSES[: len(PAGES) + 2]:
            self.assertEqual(self.browse(path, self.session)[0].code, 200, path)
        decision = attrs.evolve(
            decision_of_the_pool(), base=None, optimized=None, rounded=None, quotes=(), trade=None, transfers=(), fair=None
        )
        self.pool.show(decision=decision)
        for path in ADDRESSES[: len(PAGES) + 2]:
            self.assertEqual(self.browse(path, self.session)[0].code, 200, path)

    def test_nothing_inline_and_nothing_from_elsewhere(self) -> None:
        """The strict policy would break such a page; and labels, headings and languages are there for those who listen."""
        for path in ("/login", *ADDRESSES):
            tags = outline(self.browse(path, self.session)[1])
            for tag, attributes in tags:
                self.assertNotIn("style", attributes, (path, tag))
                self.assertFalse([name for name in attributes if name.startswith("on")], (path, tag))
                self.assertNotEqual(tag, "style", path)
                if tag == "script":
                    self.assertTrue(str(attributes["src"]).startswith("/static/"), path)
                for name in ("href", "src", "action", "formaction"):
                    if attributes.get(name):
                        self.assertRegex(str(attributes[name]), r"^[/#]", path)
            labels = {attributes.get("for") for tag, attributes in tags if tag == "label"}
            fields = [a for tag, a in tags if tag == "input" and a.get("type") != "hidden"]
            self.assertEqual([a for a in fields if a["id"] not in labels], [], path)
            self.assertEqual(sum(tag == "h1" for tag, _ in tags), 1, path)
            self.assertIn(("html", {"lang": "en"}), tags)

    def test_every_form_that_changes_carries_the_token(self) -> None:
        """No form of any page can be sent without it, and none changes anything by GET."""
        for path in ADDRESSES:
            html = self.browse(path, self.session)[1]
            for form in re.findall(r"<form.*?</form>", html, re.S):
                if 'method="get"' in form:
                    self.assertIn(f'action="{path}"', form)
                    continue
                self.assertIn('method="post"', form, path)
                self.assertIn('name="csrf"', form, path)

    def test_strangers_words_are_only_words(self) -> None:
        """A venue's note, a reason, an order id or a task cannot carry a script."""
        task = Task(EVIL, "withdraw", EVIL, {EVIL: EVIL}, NOW)
        transaction = attrs.evolve(view().source.transactions[0], note=EVIL, reference=EVIL)
        source = attrs.evolve(view().source, name=EVIL, transactions=(transaction,))
        self.pool.show(
            reason=EVIL, tasks=(task,), source=source, quote_reasons={"BUY": EVIL, "SELL": EVIL}, differences={EVIL: Decimal(1)}
        )
        for path in (*ADDRESSES[: len(PAGES) + 2], "/tasks/%3Cscript%3Ealert(1)%3C%2Fscript%3E"):
            self.assertNotIn(EVIL, self.browse(path, self.session)[1], path)

    def test_stop_is_one_click_without_javascript(self) -> None:
        """Every page holds a plain form that stops."""
        for path in ADDRESSES:
            self.assertIn('<form method="post" action="/stop">', self.browse(path, self.session)[1], path)
        response, _ = self.send("/stop", self.session, {})
        self.assertEqual((response.code, self.pool.told), (303, [("stop", "ann")]))

    def test_unknown_pages(self) -> None:
        """404 with a page, not a listing of the disk."""
        for path in (
            "/nosuch",
            "/static/",
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/vendor/pico.LICENSE.md",
            "/tasks/nosuch",
        ):
            response, text = self.browse(path, self.session)
            self.assertEqual(response.code, 404, path)
            self.assertIn("did not work", text)


class Trader(ConsoleCase):
    """The trader page and START."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.log_in()

    def test_quotes_stand_in_the_book(self) -> None:
        """Our levels are marked, and a side without a quote says why."""
        self.pool.show(quote_reasons={"BUY": "target cash is short", "SELL": ""})
        _, text = self.browse("/trader", self.session)
        self.assertEqual(text.count(' ours"'), 2)
        self.assertIn("22,216,000", text)
        self.assertIn("BUY is not quoted: target cash is short", text)

    def test_a_fill_leads_to_its_hedge(self) -> None:
        """A customer's fill is beside the way to what covers it; a hedge's own fill, even of the same id, is not."""
        shown = self.pool.view().fills
        self.pool.show(covered={"T0": "ob-7", "S1": "ob-8"}, fills=shown)
        _, text = self.browse("/trader", self.session)
        self.assertIn('<a href="/hedges/ob-7">', text)
        self.assertNotIn("ob-8", text)

    def test_start_asks_first_and_says_what_will_happen(self) -> None:
        """GET changes nothing; the page names venues, sizes and the first trade; the form starts."""
        self.pool.show(state="READY", is_sandbox=False)
        _, text = self.browse("/start", self.session)
        for words in ("Real money is at stake", "0.25 BTC", "bitmagyar", "0.0366 BTC", "ask a person before each transfer"):
            self.assertIn(words, text)
        self.assertEqual(self.pool.told, [])
        response, _ = self.send("/start", self.session, {})
        self.assertEqual((response.code, self.pool.told), (303, [("start", "ann")]))

    def test_paper_is_said(self) -> None:
        """Imagined money is called so on every page, and START does not speak of real money."""
        self.pool.show(state="READY", is_sandbox=False, is_paper=True)
        _, text = self.browse("/start", self.session)
        self.assertIn("PAPER", text)
        self.assertNotIn("Real money is at stake", text)

    def test_start_at_the_wrong_time(self) -> None:
        """The page says why instead of offering the button; a form from before gets a 409 with the reason."""
        self.pool.show(state="HALTED", reason="the books differ")
        self.assertNotIn("START trading</button>", self.browse("/start", self.session)[1])
        response, text = self.send("/start", self.session, {})
        self.assertEqual(response.code, 409)
        self.assertIn("it can be started when READY", text)

    def test_alarms_are_on_every_page(self) -> None:
        """Stale inputs, lost venues and differences cannot be overlooked."""
        stale = attrs.evolve(self.pool.shown.inputs[0], problem="11.0 s old, allowed are 10 s")
        lost = attrs.evolve(self.pool.shown.target, is_connected=False)
        self.pool.show(inputs=(stale,), target=lost, differences={"source BTC": Decimal("-0.5")})
        for path in ("/trader", "/help"):
            _, text = self.browse(path, self.session)
            for words in ("source book: 11.0 s old", "Not connected to the target, bitmagyar", "source BTC -0.5"):
                self.assertIn(words, text)


class Parameters(ConsoleCase):
    """UPDATE and What-if."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.log_in()

    def test_only_what_was_touched_is_sent(self) -> None:
        """Another operator's change in between is not taken back by a form that still shows the old value."""
        form = {
            "trader.quote_size": "0.25",
            "was:trader.quote_size": "0.25",
            "data.btc_fee": "0.0002",
            "was:data.btc_fee": "0.0001",
        }
        self.pool.show(settings=self.pool.shown.settings.replace(quote_size=Decimal("0.4")))
        response, text = self.send("/parameters", self.session, form)
        self.assertEqual(response.code, 200)
        self.assertEqual(self.pool.told, [("update", {"data.btc_fee": "0.0002"}, "ann")])
        self.assertIn("<code>data.btc_fee</code> 0.0001 → <b>0.0002</b>", text)

    def test_a_bad_value_stays_in_its_field(self) -> None:
        """With the problem beside it, and nothing applied."""
        form = {"trader.quote_size": "-3", "was:trader.quote_size": "0.25"}
        response, text = self.send("/parameters", self.session, form)
        self.assertEqual((response.code, self.pool.told), (400, []))
        self.assertIn('value="-3"', text)
        self.assertIn('aria-invalid="true"', text)
        self.assertIn("expected a number of BTC above 0", text)

    def test_nothing_changed(self) -> None:
        """Says so and asks the pool for nothing."""
        _, text = self.send("/parameters", self.session, {"data.btc_fee": " 0.0001", "was:data.btc_fee": "0.0001"})
        self.assertIn("nothing to update", text)
        self.assertEqual(self.pool.told, [])

    def test_what_if(self) -> None:
        """The whole page without JavaScript, the result alone for htmx; nothing is applied."""
        form = {"trader.quote_size": "0.5", "was:trader.quote_size": "0.25"}
        _, page = self.send("/what-if", self.session, form)
        _, part = self.send("/what-if", self.session, form, headers={"HX-Request": "true"})
        for text in (page, part):
            self.assertIn("+17.28", text)
        self.assertIn("<html", page)
        self.assertNotIn("<html", part)
        self.assertEqual(self.pool.told, [("what_if", {"trader.quote_size": "0.5"}, {})] * 2)
        _, bad = self.send("/what-if", self.session, {**form, "trader.quote_size": "x"}, headers={"HX-Request": "true"})
        self.assertIn("Not possible", bad)


class Work(ConsoleCase):
    """Tasks, differences, exports."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.log_in()

    def test_done_needs_its_reference(self) -> None:
        """What is missing is said at the form; with it the task closes, once."""
        response, text = self.send("/tasks/w-1", self.session, {"outcome": "done"})
        self.assertEqual(response.code, 400)
        self.assertIn("needed, so that the arrival can be matched", text)
        form = {"outcome": "done", "field:reference": " 77ab "}
        self.assertEqual(self.send("/tasks/w-1", self.session, form)[0].code, 303)
        self.assertEqual(self.pool.told, [("close_task", "w-1", "ann", "done", {"reference": "77ab"})])
        self.assertEqual(self.send("/tasks/w-1", self.session, form)[0].code, 409)

    def test_approval_says_what(self) -> None:
        """Amount and address stand on the page that approves."""
        _, text = self.browse("/tasks/a-2", self.session)
        for words in ("0.31 BTC", "bc1qpool", "Approve: do exactly this", "Decline"):
            self.assertIn(words, text)
        self.send("/tasks/a-2", self.session, {"outcome": "approve"})
        self.assertEqual(self.pool.told, [("close_task", "a-2", "ann", "approve", {})])

    def test_differences_are_accepted_by_a_person(self) -> None:
        """The page names them; the form books them."""
        self.pool.show(differences={"source BTC": Decimal("0.02")}, state="HALTED")
        self.assertIn("+0.02000000", self.browse("/differences", self.session)[1])
        self.assertEqual(self.send("/differences", self.session, {})[0].code, 303)
        self.assertEqual(self.pool.told, [("accept", "ann")])

    def test_a_tripped_guard_is_re_armed_by_a_person(self) -> None:
        """HALTED without differences leads to the same page, which says what tripped."""
        self.pool.show(state="HALTED", reason="lost 312 USD in 24 hours")
        self.assertIn('<a href="/differences">HALTED: lost 312 USD in 24 hours</a>', self.browse("/trader", self.session)[1])
        self.assertIn("I have looked: re-arm and go on", self.browse("/differences", self.session)[1])
        self.assertEqual(self.send("/differences", self.session, {})[0].code, 303)
        self.assertEqual(self.send("/differences", self.session, {})[0].code, 409)

    def test_csv(self) -> None:
        """Every digit, times as ISO 8601, and no formula of a stranger."""
        _, fills = self.browse("/export/fills.csv", self.session)
        self.assertTrue(fills.startswith("place,id,order_id"))
        self.assertIn("source,T00,o0,i0,BTC/USD,SELL,61251.9,0.0366,USD 6.13,2026-11-21T", fills)
        self.assertEqual(fills.count("\r\n"), 41)
        _, transactions = self.browse("/export/transactions.csv", self.session)
        self.assertIn("'=cmd()", transactions)
        self.pool.show(tasks=())
        self.assertEqual(self.browse("/export/tasks.csv", self.session)[1].count("\r\n"), 1)
        self.assertEqual(self.browse("/export/tasks.json", self.session)[1], "[]\n")
        self.assertEqual(self.browse("/export/users.csv", self.session)[0].code, 404)
