"""The server's main loop: it accepts connections, pairs them, owns the conversations, and ends when it is told to.

The order is: bind, load the models, listen, serve, stop.
"""

from __future__ import annotations

import contextlib
import logging
import select
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from utils.conversation.conversation import Conversation
from utils.server.pairing import Pairing
from utils.system.freed_memory import give_back_freed_memory
from utils.system.listening import Listener, prepare_connection
from utils.system.stop_signals import StopSignals
from utils.transports.base import Transport
from utils.transports.tcp_pair import TcpPair

logger = logging.getLogger(__name__)

CLOSED_AGAIN = "it opened one port and closed it again"
MOST_UNREAD = 48_000  # bytes: a microphone has not sent so much between the opening of the one port and of the other
TICK_S = 1.0  # how often connections that wait for their second half are looked through

MakePair = Callable[[socket.socket, socket.socket], TcpPair]  # of a client's first and second connection
MakeConversation = Callable[[Transport, str, Callable[[], None]], Conversation]  # client's name; called at the end
React = Callable[[], None]


class _Selectable(Protocol):
    def fileno(self) -> int: ...


class Server:
    """Serves `most` conversations at the same time. A further client is refused at once."""

    def __init__(
        self,
        microphone: Listener,
        speaker: Listener,
        make_pair: MakePair,
        make_conversation: MakeConversation,
        most: int = 1,
    ) -> None:
        self._microphone = microphone
        self._speaker = speaker
        self._make_pair = make_pair
        self._make_conversation = make_conversation
        self._most = most
        self._selector = selectors.DefaultSelector()
        self._pairing: Pairing[socket.socket] = Pairing(time.monotonic)
        self._conversations: dict[Conversation, TcpPair] = {}
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._watch(self._wake_reader, 0, self._woken)
        for listening in microphone.sockets:
            self._watch(listening, 3, partial(self._accept_microphone, listening))
        for listening in speaker.sockets:
            self._watch(listening, 4, partial(self._accept_speaker, listening))

    @property
    def conversations(self) -> int:
        """How many conversations are in progress. Any thread may ask."""
        return len(self._conversations)

    def listen(self) -> None:
        """Let clients connect. Raises PortUnavailable."""
        self._microphone.listen()
        self._speaker.listen()

    def serve(self, stop: StopSignals) -> None:
        """Serve until a stop is asked for, then end every conversation."""
        self._watch(stop, 0, lambda: None)
        try:
            while not stop.requested:
                # What ends comes before what begins: a client that reconnects finds its place free again.
                ready = [(*key.data, key.fileobj) for key, _ in self._selector.select(TICK_S)]
                for _, react, _ in sorted(ready, key=lambda item: item[0]):
                    react()
                self._reap()
                for connection in self._pairing.expired():
                    self._drop(connection, "it opened one port only")
        finally:
            self._stop()

    def _stop(self) -> None:
        for listener in (self._microphone, self._speaker):
            listener.close()
        for connection in self._pairing.waiting():
            connection.close()
        for conversation in self._conversations:
            conversation.hang_up("the server stops")
        for conversation in self._conversations:
            conversation.close()
        self._conversations.clear()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    # --- accepting

    def _accept_microphone(self, listening: socket.socket) -> None:
        while (accepted := self._accept(listening)) is not None:
            connection, host = accepted
            if not self._has_room():
                logger.info("refused %s: already in conversation with %s", host, self._clients())
                connection.close()
                continue
            for oldest in self._pairing.first(connection, host):
                self._drop(oldest, "too many wait for their second connection")
            self._watch(connection, 2, partial(self._look_at_waiting, connection))

    def _accept_speaker(self, listening: socket.socket) -> None:
        while (accepted := self._accept(listening)) is not None:
            connection, host = accepted
            self._accept_waiting_microphones()
            # Only now: the line above may end a conversation, and take a while. A client that left meanwhile must not
            # be given the first half of the next one, which may be among those just accepted.
            if _has_closed(connection):
                logger.debug("dropped %s: it opened the second port and closed it again", host)
                connection.close()
                continue
            self._drop_closed_microphones()
            microphone = self._pairing.second(host, _doubt)
            if microphone is None:
                logger.debug("dropped %s: it opened the second port without the first", host)
                connection.close()
                continue
            self._forget(microphone)
            if not self._has_room():
                logger.info("refused %s: already in conversation with %s", host, self._clients())
                microphone.close()
                connection.close()
                continue
            self._begin(self._make_pair(microphone, connection), host)

    def _accept_waiting_microphones(self) -> None:
        """Accept first halves that `select` has not reported yet, although it has reported their second half."""
        for listening in self._microphone.sockets:
            self._accept_microphone(listening)

    def _drop_closed_microphones(self) -> None:
        """Drop first halves that have closed, also if `select` has not reported that: they are no partners."""
        for waiting in self._pairing.waiting():
            if _has_closed(waiting):
                self._drop(waiting, CLOSED_AGAIN)

    def _accept(self, listening: socket.socket) -> tuple[socket.socket, str] | None:
        try:
            connection, address = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return None
        except OSError as error:
            logger.warning("a connection could not be accepted: %s", error)
            return None
        prepare_connection(connection)
        connection.setblocking(False)
        return connection, str(address[0])

    def _begin(self, pair: TcpPair, client: str) -> None:
        try:
            conversation = self._make_conversation(pair, client, self._wake)
        except Exception:
            logger.exception("a conversation could not be started")
            pair.close()
            return
        self._conversations[conversation] = pair
        self._watch(pair, 1, partial(self._look_at_speaker, conversation, pair))
        conversation.start()
        logger.info("conversation with %s", client)
        if len(self._conversations) >= self._most:
            for waiting in self._pairing.waiting():
                logger.info("refused another client: already in conversation with %s", self._clients())
                self._drop(waiting, "no room")

    # --- ending

    def _look_at_speaker(self, conversation: Conversation, pair: TcpPair) -> None:
        """A client sends nothing on its second connection: what can be read there is its end."""
        if pair.client_has_left():
            conversation.hang_up("the client has left")

    def _look_at_waiting(self, connection: socket.socket) -> None:
        """Drop a waiting connection if it has closed. If it has sent something, its conversation will read that."""
        self._forget(connection)
        if _has_closed(connection):
            self._drop(connection, CLOSED_AGAIN)

    def _drop(self, connection: socket.socket, reason: str) -> None:
        logger.debug("dropped a connection: %s", reason)
        self._forget(connection)
        self._pairing.forget(connection)
        connection.close()

    def _reap(self) -> None:
        over = [conversation for conversation in self._conversations if conversation.finished.is_set()]
        for conversation in over:
            self._forget(self._conversations[conversation])
            conversation.close()
            del self._conversations[conversation]
        if over:
            give_back_freed_memory()

    def _has_room(self) -> bool:
        """A client that has just left makes room, also where `select` has not said so yet."""
        for conversation, pair in self._conversations.items():
            self._look_at_speaker(conversation, pair)
        self._reap()
        return len(self._conversations) < self._most

    def _clients(self) -> str:
        return ", ".join(conversation.client for conversation in self._conversations)

    # --- the selector

    def _watch(self, fileobj: _Selectable, order: int, react: React) -> None:
        self._selector.register(fileobj, selectors.EVENT_READ, (order, react))

    def _forget(self, connection: _Selectable) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: the loop wakes anyway; closed: it has ended
            self._wake_writer.send(b"x")

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(4_096)


def _has_closed(connection: socket.socket) -> bool:
    """Whether the client has closed the connection and nothing of it is unread. Reads nothing."""
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True


def _doubt(connection: socket.socket) -> int:
    """How likely it is that the client of a first half has gone. Reads nothing.

    0: it seems to be there. 1: it has sent so much that an end of file may wait behind it. 2: it has ended its input.
    """
    if hasattr(select, "poll"):  # not on Windows
        ended = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)  # Linux tells a half-close by it
        poll = select.poll()
        poll.register(connection, ended)
        if any(events & ended for _, events in poll.poll(0)):
            return 2
    try:
        return int(len(connection.recv(MOST_UNREAD, socket.MSG_PEEK)) == MOST_UNREAD)
    except (BlockingIOError, InterruptedError):
        return 0
    except OSError:
        return 2
