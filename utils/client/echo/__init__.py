"""Echo cancellation in the client."""
