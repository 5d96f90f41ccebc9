"""``python ilp.py notify-test``: sends one message by every channel of the config, and says what came of it."""

from datetime import UTC, datetime

from twisted.internet import reactor as process_reactor

from runtime.config_values import Config
from runtime.notify import PATIENCE, Message, Notice
from runtime.options import Options
from runtime.problems import CannotStart
from runtime.senders import senders
from runtime.service import say, until_stopped


def run(config: Config, _options: Options) -> int:
    """Send; 0 if every channel has taken the message.

    :raises CannotStart: no channel is configured, or one has not taken it.
    """
    reactor = process_reactor
    channels = senders(config.notices, reactor)
    if not channels:
        raise CannotStart("[notify] names nobody: set email_to, url or command, or name a target in [notify_targets]")
    name = config.path.stem if config.path else "pool"
    message = Message(name, (Notice(datetime.now(UTC), "task", "this is a test: somebody typed notify-test"),))
    failed: list[str] = []

    async def start() -> None:
        for channel, send in channels.items():
            try:
                await send(message).addTimeout(PATIENCE, reactor)
            except Exception as trouble:  # it is the operator's server or program that is tried here
                failed.append(channel)
                say(f"{channel}: failed: {str(trouble) or type(trouble).__name__}")
            else:
                say(f"{channel}: sent")
        reactor.callLater(0, reactor.stop)

    async def stop() -> None:
        return None

    until_stopped(start, stop)
    if failed:
        raise CannotStart(f"no message by {', '.join(failed)}")
    return 0
