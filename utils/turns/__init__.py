"""Turn-taking without threads or sockets: attempts, turns, chat, interruptions."""
