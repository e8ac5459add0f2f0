"""The client: sends the microphone to the server and plays what it answers. Needs neither torch nor transformers.

python listen_and_play.py --host SERVER [--input question.wav] [--output reply.wav] [--option value …]
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from arguments.client_arguments import ClientArguments
from utils.client.devices.listing import quiet_libraries
from utils.client.errors import ClientError
from utils.options.parser import parse_options
from utils.system.stop_signals import Stopped, StopSignals

if TYPE_CHECKING:
    from utils.client.session import Outcome
    from utils.client.sound import Sound

PROGRAM = "listen_and_play.py"
SAMPLE_BYTES = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the process's exit status: 0 after Ctrl-C or a reply, 1 where it could not work or none came."""
    (options,) = parse_options(
        [ClientArguments],
        [underscored(word) for word in (sys.argv[1:] if argv is None else argv)],
        prog=PROGRAM,
        description="Talks to a speech-to-speech server: with microphone and speaker, or with WAV files.",
    )
    with StopSignals() as stop, quiet_libraries():
        # numpy comes in here: --help and a mistyped option are answered without it
        from utils.client.sound import Sound

        sound = Sound(options, stop, waits=not once(options))
        with contextlib.closing(sound):
            status = run(options, sound, stop)
        if sound.hung:
            end_at_once(status)
    return status


def run(options: ClientArguments, sound: Sound, stop: StopSignals) -> int:
    """Do what the options say. Returns the exit status."""
    try:
        if options.list_devices:
            print("\n".join(sound.device_lines()), flush=True)
            return 0
        return converse(options, sound, stop)
    except Stopped:
        return 0
    except ClientError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def converse(options: ClientArguments, sound: Sound, stop: StopSignals) -> int:
    """Talk: with microphone and speaker until Ctrl-C, with a file once. Raises Stopped, ClientError, OSError."""
    from utils.client.connection import ServerAddress
    from utils.client.ends import Ends
    from utils.client.live import talk_for_ever
    from utils.client.session import ClientSession
    from utils.client.status import StatusLine

    server = ServerAddress(options.host, options.send_port, options.recv_port)
    with contextlib.closing(StatusLine(sys.stderr, quiet=once(options))) as status:

        def session(ends: Ends) -> ClientSession:
            return ClientSession(server, ends.source, ends.sink, status, stop, ends.check)

        if not once(options):
            talk_for_ever(sound.opened, lambda ends: session(ends).run_for_ever(), status, stop)
        with sound.opened() as ends:
            for line in ends.notices:
                status.notice(line)
            outcome = session(ends).run_once(options.connect_timeout_s)
    return summarize(options, outcome, stop.requested)


def once(options: ClientArguments) -> bool:
    """One conversation, with a file; without one, conversations until Ctrl-C."""
    return options.input is not None or options.output is not None


def summarize(options: ClientArguments, outcome: Outcome, stopped: bool) -> int:
    """One line about a conversation that has ended, and the exit status."""
    cut = options.input is not None and not outcome.complete and not stopped
    early = "the server closed the connection before all of the input was sent"
    if not outcome.received_bytes and not stopped:
        return fail(early if cut else "no reply came")
    seconds = outcome.received_bytes / SAMPLE_BYTES / options.recv_rate
    how = f" ({early})" if cut else " (stopped)" if stopped else ""
    print(f"{options.output or 'speaker'}: {seconds:.2f} s of reply{how}", flush=True)
    return 1 if cut else 0


def underscored(word: str) -> str:
    """--list-devices is --list_devices."""
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value if word.startswith("--") else word


def fail(reason: str) -> int:
    """One line that says why."""
    print(f"{PROGRAM}: error: {reason}", file=sys.stderr, flush=True)
    return 1


def end_at_once(status: int) -> None:
    """End without the interpreter's clean-up, which would wait for a sound library that hangs."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
