"""Real market data, simulated money: any client's books with an account that exists only here."""

from clients.paper.client import Paper
from clients.paper.network import PaperNetwork
from clients.paper.options import PaperOptions, read_paper_options

__all__ = ["Paper", "PaperNetwork", "PaperOptions", "read_paper_options"]
