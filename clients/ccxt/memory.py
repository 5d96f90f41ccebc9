"""What a client that looks instead of being told must remember: our orders, and which executions it has told."""

from attrs import define, field

from model.shapes import FillShape, OrderShape

#: So many orders and executions at most; the oldest go first, but never an order that may still be open.
MOST = 4096


@define
class Memory:
    """``open``: orders that may still trade, as last told, by id."""

    open: dict[str, OrderShape] = field(factory=dict)
    _contracts: dict[str, str] = field(factory=dict)
    _client_ids: dict[str, str | None] = field(factory=dict)
    _fills: dict[str, None] = field(factory=dict)

    def note(self, shape: OrderShape) -> bool:
        """Remember what the venue says of an order; whether that is news."""
        id = shape["id"]
        # One look at an order may leave our id out where another has it.
        shape["client_id"] = shape.get("client_id") or self._client_ids.get(id)
        self._contracts[id] = shape["contract"]
        self._client_ids[id] = shape["client_id"]
        _forget(self._contracts)
        _forget(self._client_ids)
        is_open = not shape["is_cancelled"] and shape["quantity_left"] > 0
        was = self.open.pop(id, None)
        if is_open:
            self.open[id] = shape
        return was != shape

    def contract(self, id: str) -> str | None:
        """The contract of an order; None if it is not remembered."""
        known = self.open.get(id)
        return self._contracts.get(id) if known is None else known["contract"]

    def knows_client_id(self, id: str) -> bool:
        """Whether it has been seen which client id the order has, or that it has none."""
        return id in self._client_ids

    def named(self, shape: FillShape) -> FillShape:
        """The same execution with the client id of its order."""
        shape["client_id"] = self._client_ids.get(shape["order_id"])
        return shape

    def is_news(self, shape: FillShape) -> bool:
        """Whether this execution has not been told yet; from now on it has."""
        if shape["id"] in self._fills:
            return False
        self._fills[shape["id"]] = None
        _forget(self._fills)
        return True


def _forget(memory: dict[str, object] | dict[str, str] | dict[str, str | None] | dict[str, None]) -> None:
    if len(memory) > MOST:
        del memory[next(iter(memory))]
