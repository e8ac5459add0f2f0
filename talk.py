"""Talk to the assistant on this machine: server and client together, microphone and speaker.

python talk.py [config.json]        (make talk)
"""

from __future__ import annotations

import signal
import subprocess
import sys

from utils.system.local_server import ROOT, LocalServer, ServerFailed


def main() -> int:
    """Returns the client's exit status, or 1 where the server did not start."""
    config = sys.argv[1] if len(sys.argv) > 1 else "configs/bundled.json"
    server = LocalServer([config], print, print_to_stderr, yields=True)
    try:
        with server:
            microphone, speaker = (str(port) for port in server.wait_ready())
            command = [sys.executable, str(ROOT / "listen_and_play.py"), "--send_port", microphone]
            client = subprocess.Popen([*command, "--recv_port", speaker])
            return wait_for(client)
    except ServerFailed as error:
        print_to_stderr(f"talk.py: {error}")
        return 1
    except KeyboardInterrupt:
        return 0


def wait_for(client: subprocess.Popen[bytes]) -> int:
    """Ctrl-C reaches the client too, which then ends by itself."""
    try:
        return client.wait()
    except KeyboardInterrupt:
        return client.wait(5)
    finally:
        if client.poll() is None:
            client.send_signal(signal.SIGTERM)
            client.wait(5)


def print_to_stderr(line: str) -> None:
    """The server's log."""
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
