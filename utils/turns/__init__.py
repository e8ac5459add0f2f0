"""Turn-taking: attempts, turns, interim results, chat, interruptions. No threads of its own, no sockets."""
