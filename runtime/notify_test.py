"""``python ilp.py notify-test``: sends one message by every channel of the config, and says what came of it."""

from datetime import UTC, datetime

from twisted.internet import reactor as process_reactor

from runtime.config_values import Config
from runtime.notify import PATIENCE, Message, Notice, why
from runtime.options import Options
from runtime.printing import print_json, say
from runtime.problems import CannotStart
from runtime.senders import senders
from runtime.service import until_stopped

#: What is said of a channel that has taken the message.
SENT = "sent"


def run(config: Config, options: Options) -> int:
    """Send, and print what came of it, a line or one JSON object; 0 if every channel has taken the message.

    :raises CannotStart: no channel is configured, or one has not taken it.
    """
    reactor = process_reactor
    channels = senders(config.notices, reactor)
    if not channels:
        raise CannotStart("[notify] names nobody: set email_to, url or command, or name a target in [notify_targets]")
    name = config.path.stem if config.path else "pool"
    message = Message(name, (Notice(datetime.now(UTC), "task", "this is a test: somebody typed notify-test"),))
    outcomes: dict[str, str] = {}

    async def start() -> None:
        for channel, send in channels.items():
            try:
                await send(message).addTimeout(PATIENCE, reactor)
            except Exception as trouble:  # it is the operator's server or program that is tried here
                outcomes[channel] = f"failed: {why(trouble)}"
            else:
                outcomes[channel] = SENT
            if not options.json:
                say(f"{channel}: {outcomes[channel]}")
        reactor.callLater(0, reactor.stop)

    async def stop() -> None:
        return None

    until_stopped(start, stop)
    if options.json:
        print_json(outcomes)
    failed = [channel for channel, outcome in outcomes.items() if outcome != SENT]
    if failed:
        raise CannotStart(f"no message by {', '.join(failed)}")
    return 0
