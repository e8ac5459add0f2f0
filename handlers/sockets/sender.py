"""The last stage: lets the client hear the replies."""

from __future__ import annotations

from collections.abc import Iterator

from handlers.base import BaseHandler
from utils.conversation.messages import InputEnded, Message, ReplyAudio, ReplyEnd
from utils.conversation.reply_player import ReplyPlayer
from utils.system.engine_thread import Live
from utils.transports.base import Transport, WriteError


class SocketSender(BaseHandler):
    """Plays what arrives, and hangs up when the client has gone, or has ended its input and everything is answered."""

    handles = (ReplyAudio, ReplyEnd, InputEnded)

    def setup(self, engine: Transport) -> None:
        self._player = ReplyPlayer(engine, self.context)

    def process(self, message: ReplyAudio | ReplyEnd | InputEnded, live: Live) -> Iterator[Message]:
        try:
            if isinstance(message, ReplyAudio):
                self._player.play(message)
            elif isinstance(message, ReplyEnd):
                self._player.finish(message)
            else:
                self.context.hang_up("the client has ended its input and everything is answered")
        except WriteError as error:
            self.context.hang_up(f"the client can't be written to: {error}")
        yield from ()
