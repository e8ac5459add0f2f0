"""Text to speech with Piper."""
