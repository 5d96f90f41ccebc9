"""The JSON API."""

from decimal import Decimal
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred

from model.snapshot import from_json
from tests.web.fake_pool import SETTINGS, snapshot
from tests.web.support import ConsoleCase


class Reading(ConsoleCase):
    """GETs."""

    def test_update_has_the_documented_shape(self) -> None:
        """What issue 2 promises, where it promises it, amounts as exact strings."""
        response, found = self.basic("GET", "/api/update")
        self.assertEqual(response.code, 200)
        state = found["state"]
        for name in (
            "source_book",
            "target_book",
            "fiat_book",
            "source_orders",
            "target_orders",
            "balance_source",
            "balance_target",
        ):
            self.assertIn(name, state)
        for name in ("transit_to_source", "transit_to_target", "source_transactions", "target_transactions", "source_best_bid"):
            self.assertIn(name, state)
        self.assertEqual(state["offered_bid"], "22031412.7")
        self.assertEqual(state["target_orders"]["8813"]["quantity_left"], "0.2134")
        self.assertEqual(state["balance_source"]["BTC"]["position"], "2.41")
        self.assertEqual(state["transit_to_source"], {"BTC": "0.12", "HUF": "4000000"})
        self.assertEqual(found["valuation"]["risk_aversion"], "0.00003")
        self.assertEqual(found["valuation"]["target_balance_target"], {"HUF": "45000000", "BTC": "2.5"})
        self.assertEqual(found["valuation"]["base"]["value"], "488020.1")
        self.assertEqual(found["valuation"]["optimized"]["trade_source_qty"], "0.0366")
        self.assertEqual(found["data"]["source_fee"], ["0", "0.0026"])
        self.assertEqual(found["trader"]["edge_to_enter"], "0.4%")
        self.assertEqual(found["trader"]["rounded"]["offered_ask"], "22216000")
        self.assertEqual(found["trader"]["fsm"]["current_state"], "TRADING")

    def test_nothing_known_is_null_not_an_error(self) -> None:
        """Before the first book and decision the API answers all the same."""
        import attrs

        venues = {
            place: attrs.evolve(getattr(self.pool.shown, place), book=None, balances={}, orders={})
            for place in ("source", "target")
        }
        self.pool.show(decision=None, snapshot=None, fiat_book=None, exposure=None, state="INITIALIZING", **venues)
        response, found = self.basic("GET", "/api/update")
        self.assertEqual(response.code, 200)
        self.assertIsNone(found["state"]["source_best_bid"])
        self.assertIsNone(found["valuation"]["optimized"])
        self.assertEqual(self.basic("GET", "/api/snapshot")[0].code, 409)
        self.assertIsNone(self.basic("GET", "/api/decision")[1])

    def test_snapshot_can_be_replayed(self) -> None:
        """What comes out is what ``--dry-run --snapshot`` reads."""
        self.assertEqual(from_json(self.basic("GET", "/api/snapshot")[1]), snapshot())

    def test_every_twin_answers(self) -> None:
        """Each documented GET is served, and each needs a login."""
        _, document = self.basic("GET", "/api/openapi.json")
        paths = [path for path, operations in document["paths"].items() if "get" in operations]
        self.assertIn("/api/fills", paths)
        for path in paths:
            self.assertEqual(self.basic("GET", path.replace("{id}", "ob-9"))[0].code, 200, path)
            self.assertEqual(self.ask("GET", path)[0].code, 401, path)

    def test_health_says_little_without_login(self) -> None:
        """A supervisor may ask whether the process answers, and learns nothing else."""
        self.assertEqual(self.ask("GET", "/healthz")[1], '{"status": "ok"}')


class Changing(ConsoleCase):
    """POSTs."""

    def test_start_and_stop(self) -> None:
        """Both answer the state they led to, and say who asked."""
        self.pool.show(state="READY")
        self.assertEqual(self.basic("POST", "/api/start", json={})[1]["trader"]["fsm"]["current_state"], "TRADING")
        self.assertEqual(self.basic("POST", "/api/stop", json={})[1]["trader"]["fsm"]["current_state"], "READY")
        self.assertEqual(self.pool.told, [("start", "ann"), ("stop", "ann")])

    def test_start_at_the_wrong_time(self) -> None:
        """409 with the pool's own sentence."""
        self.pool.show(state="HALTED")
        response, found = self.basic("POST", "/api/start", json={})
        self.assertEqual((response.code, found), (409, {"error": "the pool is HALTED; it can be started when READY"}))

    def test_update_takes_numbers_and_texts(self) -> None:
        """JSON numbers stay exact, lists are costs, ideal balances are part of the valuation."""
        body = (
            b'{"valuation": {"risk_aversion": 1e-4, "target_balance_source": {"USD": 100000.10}},'
            b' "trader": {"quote_size": "0.3"}, "data": {"source_fee": [0, 0.0016]}}'
        )
        response, found = self.basic("POST", "/api/update", data=body, headers={"Content-Type": "application/json"})
        self.assertEqual(response.code, 200)
        changes = {
            "valuation.risk_aversion": "0.0001",
            "target_balance_source.USD": "100000.1",
            "trader.quote_size": "0.3",
            "data.source_fee": "[0, 0.0016]",
        }
        self.assertEqual(self.pool.told, [("update", changes, "ann")])
        self.assertEqual(found["trader"]["quote_size"], "0.3")

    def test_update_names_the_bad_fields(self) -> None:
        """400, each field with its problem, nothing applied."""
        response, found = self.basic("POST", "/api/update", json={"trader": {"quote_size": "-1", "edge_to_enter": "0.5%"}})
        self.assertEqual(response.code, 400)
        self.assertEqual(list(found["problems"]), ["trader.quote_size"])
        self.assertEqual(self.pool.told, [])

    def test_update_refuses_what_is_no_parameter(self) -> None:
        """Unknown names, nulls, objects and bare values are named too."""
        bodies = {
            "trader.fsm": {"trader": {"fsm": {"current_state": "READY"}}},
            "trader.quote_size": {"trader": {"quote_size": None}},
            "state": {"state": 1},
            "trader.edge_to_enter": {"trader": {"edge_to_enter": {"value": 1}}},
            "data.source_fee": {"data": {"source_fee": [1, 2, 3]}},
            "valuation.target_balance_source": {"valuation": {"target_balance_source": 5}},
        }
        for name, body in bodies.items():
            response, found = self.basic("POST", "/api/update", json=body)
            self.assertEqual((response.code, list(found["problems"])), (400, [name]))
        self.assertEqual(self.basic("POST", "/api/update", json={})[0].code, 400)

    def test_bodies_that_are_no_json_object(self) -> None:
        """Each is a 400, never a 500."""
        for body in (b"{", b"[]", b'"x"', b'{"trader": {"quote_size": NaN}}', b"\xff", b"[" * 5000, b'{"a": Infinity}'):
            response, found = self.basic("POST", "/api/update", data=body, headers={"Content-Type": "application/json"})
            self.assertEqual(response.code, 400, body[:20])
            self.assertIn("error", found)

    def test_too_much(self) -> None:
        """A body that nobody needs is refused."""
        body = b'{"x": "' + b"y" * 70_000 + b'"}'
        self.assertEqual(self.basic("POST", "/api/update", data=body, headers={"Content-Type": "application/json"})[0].code, 413)

    def test_what_if_applies_nothing(self) -> None:
        """Both decisions come back, for a viewer too, and the settings stay."""
        response, found = self.basic("POST", "/api/what-if", "vic", json={"trader": {"quote_size": 1}})
        self.assertEqual(response.code, 200)
        self.assertEqual(
            Decimal(found["what_if"]["optimized"]["value"]) - Decimal(found["running"]["optimized"]["value"]), Decimal("17.28")
        )
        self.assertEqual(self.pool.shown.settings, SETTINGS)
        self.assertEqual(self.pool.told, [("what_if", {"trader.quote_size": "1"}, {})])

    def test_tasks(self) -> None:
        """Closed with what the person filled in; once."""
        body = {"outcome": "done", "fields": {"reference": "77ab"}}
        self.assertEqual(self.basic("POST", "/api/tasks/w-1", json=body)[0].code, 200)
        self.assertEqual(self.pool.told, [("close_task", "w-1", "ann", "done", {"reference": "77ab"})])
        self.assertEqual(self.basic("POST", "/api/tasks/w-1", json=body)[0].code, 409)
        self.assertEqual(self.basic("POST", "/api/tasks/nosuch", json=body)[0].code, 404)
        for wrong in ({}, {"outcome": "maybe"}, {"outcome": "done", "fields": []}, {"outcome": "done", "fields": {"a": 1}}):
            self.assertEqual(self.basic("POST", "/api/tasks/a-2", json=wrong)[0].code, 400)

    def test_differences(self) -> None:
        """Accepted only where there are some."""
        self.assertEqual(self.basic("POST", "/api/accept-differences", json={})[0].code, 409)
        self.pool.show(differences={"source BTC": Decimal("0.01")}, state="HALTED")
        self.assertEqual(self.basic("POST", "/api/accept-differences", json={})[0].code, 200)
        self.assertEqual(self.pool.told, [("accept", "ann")])

    def test_a_stop_outlives_its_asker(self) -> None:
        """Who sends STOP and hangs up has stopped the pool."""
        self.pool.stopping = Deferred()
        stub: Any = StubTreq(self.console.resource())
        asked = stub.request("POST", "http://localhost/api/stop", json={}, auth=("ann", "correct horse"))
        stub.flush()
        asked.addErrback(lambda _: None)
        asked.cancel()
        stub.flush()
        self.pool.stopping.callback(None)
        self.assertEqual(self.pool.told, [("stop", "ann"), ("stopped", "ann")])


class Document(ConsoleCase):
    """The OpenAPI document."""

    def test_it_is_the_routing_table(self) -> None:
        """Each documented operation is routed and each routed one documented."""
        _, document = self.basic("GET", "/api/openapi.json")
        documented = {
            (method.upper(), path.replace("{", "<").replace("}", ">"))
            for path, operations in document["paths"].items()
            for method in operations
        }
        self.assertEqual(documented, {(route.method, route.path) for route in self.console._api.routes()})
        body = document["paths"]["/api/update"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
        self.assertIn("quote_size", body["trader"]["properties"])
        self.assertIn("USD", body["valuation"]["properties"]["target_balance_source"]["properties"])
        ids = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
        self.assertEqual(len(ids), len(set(ids)))

    def test_errors_are_json(self) -> None:
        """Unknown addresses and methods under /api too."""
        for method, path, code in (
            ("GET", "/api/nosuch", 404),
            ("GET", "/api", 404),
            ("GET", "/api/start", 405),
            ("DELETE", "/api/update", 405),
        ):
            response, found = self.basic(method, path)
            self.assertEqual((response.code, list(found)), (code, ["error"]), path)
